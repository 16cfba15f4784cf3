#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fraiseql {

/// A few threads for calls that block, so that the loop never does. Threads are started as work needs them, up to a limit;
/// work beyond it waits its turn. Results go to the loop by `Loop::post`.
class Blocking {
 public:
  explicit Blocking(int threads) : limit_(threads) {}
  ~Blocking();  ///< waits for what runs, drops what waits
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

  void run(std::function<void()> work);  ///< must not throw

 private:
  void work();

  const int limit_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> waiting_;
  int idle_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace fraiseql
