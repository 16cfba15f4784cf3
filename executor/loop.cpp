#include "executor/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace fraiseql {

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_ < 0 || event_ < 0) throw std::runtime_error("no descriptor for the event loop");
  watch(event_, EPOLLIN, [this](std::uint32_t) { run_posted(); });
}

Loop::~Loop() {
  close(event_);
  close(epoll_);
}

void Loop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  // A descriptor that was closed has left epoll by itself, and its number may have come back.
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0 && (errno != ENOENT || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0))
    throw std::runtime_error("cannot watch a descriptor");
  watched_[fd] = std::make_shared<std::function<void(std::uint32_t)>>(std::move(ready));
}

void Loop::unwatch(int fd) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  watched_.erase(fd);
}

Loop::Timer Loop::after(Clock::duration pause, std::function<void()> due) { return at(Clock::now() + pause, std::move(due)); }

Loop::Timer Loop::at(Clock::time_point when, std::function<void()> due) {
  const Timer timer{when, next_timer_++};
  timers_.emplace(timer, std::move(due));
  return timer;
}

void Loop::cancel(Timer& timer) {
  timers_.erase(timer);
  timer = {};
}

void Loop::post(std::function<void()> work) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  const std::uint64_t one = 1;
  if (first && write(event_, &one, sizeof one) != sizeof one) return;  // full: the loop is woken anyway
}

void Loop::run() {
  quit_ = false;
  epoll_event events[64];
  while (!quit_) {
    const int ready = epoll_wait(epoll_, events, 64, pause_ms());
    if (turn_) turn_();
    for (int i = 0; i < ready && !quit_; ++i) {
      const auto found = watched_.find(events[i].data.fd);
      if (found == watched_.end()) continue;
      const auto call = found->second;  // it may unwatch itself
      (*call)(events[i].events);
    }
    if (!quit_) run_timers();
  }
}

void Loop::run_timers() {
  // A timer set by a timer waits for the next turn, so that descriptors get theirs.
  const auto now = Clock::now();
  const std::uint64_t newest = next_timer_;
  while (!timers_.empty() && !quit_) {
    auto first = timers_.begin();
    while (first != timers_.end() && first->first.second >= newest) ++first;
    if (first == timers_.end() || first->first.first > now) return;
    auto due = std::move(first->second);
    timers_.erase(first);
    due();
  }
}

void Loop::run_posted() {
  std::uint64_t count;
  if (read(event_, &count, sizeof count) != sizeof count) count = 0;
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (auto& call : work) call();
}

int Loop::pause_ms() const {
  if (timers_.empty()) return 1000;
  const auto pause = timers_.begin()->first.first - Clock::now();
  if (pause <= Clock::duration::zero()) return 0;
  // Rounded up, or the loop would spin through the last millisecond.
  return static_cast<int>(std::min<long>(1000, std::chrono::ceil<std::chrono::milliseconds>(pause).count()));
}

}  // namespace fraiseql
