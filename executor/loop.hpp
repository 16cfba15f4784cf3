#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fraiseql {

/// The event loop of a process: descriptors, timers, and work handed over by other threads. Everything except `post`
/// belongs to the thread that calls `run`.
class Loop {
 public:
  using Clock = std::chrono::steady_clock;
  /// Names a timer; a default one names none, and cancelling it does nothing.
  using Timer = std::pair<Clock::time_point, std::uint64_t>;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Calls `ready` with the epoll events while `fd` has any of `events`; replaces an earlier watch of the same fd.
  void watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready);
  void unwatch(int fd);

  Timer after(Clock::duration pause, std::function<void()> due);
  Timer at(Clock::time_point when, std::function<void()> due);
  void cancel(Timer& timer);

  /// Has `work` done on the loop's thread. From any thread.
  void post(std::function<void()> work);

  void run();  ///< until quit
  void quit() { quit_ = true; }

  /// Called once per turn, at least once a second, before what the turn has brought is worked on.
  void on_turn(std::function<void()> call) { turn_ = std::move(call); }

 private:
  void run_timers();
  void run_posted();
  int pause_ms() const;

  int epoll_, event_;
  bool quit_ = false;
  std::uint64_t next_timer_ = 1;
  std::function<void()> turn_;
  std::unordered_map<int, std::shared_ptr<std::function<void(std::uint32_t)>>> watched_;
  std::map<Timer, std::function<void()>> timers_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace fraiseql
