#include "executor/blocking.hpp"

namespace fraiseql {

Blocking::~Blocking() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto& [name, lane] : lanes_) lane.waiting.clear();
  }
  for (auto& [name, lane] : lanes_) lane.more.notify_all();
  for (auto& [name, lane] : lanes_)
    for (std::thread& thread : lane.threads) thread.join();
}

void Blocking::run(const std::string& name, std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  Lane& lane = lanes_[name];
  lane.waiting.push_back(std::move(call));
  if (static_cast<std::size_t>(lane.idle) < lane.waiting.size() && lane.threads.size() < static_cast<std::size_t>(limit_))
    lane.threads.emplace_back([this, &lane] { work(lane); });
  lane.more.notify_one();
}

void Blocking::work(Lane& lane) {
  std::unique_lock lock(mutex_);
  while (true) {
    ++lane.idle;
    lane.more.wait(lock, [&] { return stopped_ || !lane.waiting.empty(); });
    --lane.idle;
    if (stopped_) return;
    auto call = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    lock.unlock();
    call();
    call = nullptr;  // what it owns goes before the lock is taken
    lock.lock();
  }
}

}  // namespace fraiseql
