#include "executor/blocking.hpp"

namespace fraiseql {

Blocking::~Blocking() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting_.clear();
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Blocking::run(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(call));
  if (static_cast<std::size_t>(idle_) < waiting_.size() && threads_.size() < static_cast<std::size_t>(limit_))
    threads_.emplace_back([this] { work(); });
  more_.notify_one();
}

void Blocking::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    more_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    --idle_;
    if (stopped_) return;
    auto call = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    call();
    lock.lock();
  }
}

}  // namespace fraiseql
