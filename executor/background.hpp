#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace fraiseql {

/// One thread for calls that block, so that the loop never does: the JetStream API outside of the flow of messages.
/// Work is done in order; it hands its results to the loop by `Loop::post`.
class Background {
 public:
  Background();
  ~Background();  ///< waits until all of it is done
  void run(std::function<void()> work);

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> work_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace fraiseql
