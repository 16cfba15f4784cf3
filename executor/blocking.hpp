#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace fraiseql {

/// A few threads for calls that block, so that the loop never does. Each lane (one per peer) has threads of its own, so that
/// a peer that hangs holds nobody else up; they are started as work needs them, up to a limit, and work beyond it waits its
/// turn. Results go to the loop by `Loop::post`.
class Blocking {
 public:
  explicit Blocking(int threads_per_lane) : limit_(threads_per_lane) {}
  ~Blocking();  ///< waits for what runs, drops what waits
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

  void run(const std::string& lane, std::function<void()> work);  ///< must not throw

 private:
  struct Lane {
    std::condition_variable more;
    std::deque<std::function<void()>> waiting;
    int idle = 0;
    std::vector<std::thread> threads;
  };
  void work(Lane& lane);

  const int limit_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::map<std::string, Lane> lanes_;
};

}  // namespace fraiseql
