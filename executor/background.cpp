#include "executor/background.hpp"

namespace fraiseql {

Background::Background()
    : thread_([this] {
        std::unique_lock lock(mutex_);
        while (true) {
          more_.wait(lock, [this] { return stopped_ || !work_.empty(); });
          if (work_.empty()) return;
          auto work = std::move(work_.front());
          work_.pop_front();
          lock.unlock();
          work();
          lock.lock();
        }
      }) {}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  more_.notify_all();
  thread_.join();
}

void Background::run(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  more_.notify_all();
}

}  // namespace fraiseql
