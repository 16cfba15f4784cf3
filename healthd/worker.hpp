#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace fraiseql {

/// A thread that repeats one turn until its object ends, and can be asked whether it still turns.
class Worker {
 public:
  Worker(std::string name, std::function<void(std::chrono::milliseconds)> turn)
      : name_(std::move(name)), thread_([this, turn = std::move(turn)](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            turn(std::chrono::milliseconds(100));
            turns_.fetch_add(1, std::memory_order_relaxed);
          }
        }) {}

  const std::string& name() const { return name_; }

  /// To be asked about once a second; false once it has not turned for sixty questions. Counted in questions and not by
  /// the clock: a process that was frozen as a whole is not stuck.
  bool turns() {
    const std::uint64_t now = turns_.load(std::memory_order_relaxed);
    unmoved_ = now == seen_ ? unmoved_ + 1 : 0;
    seen_ = now;
    return unmoved_ < 60;
  }

 private:
  std::string name_;
  std::atomic<std::uint64_t> turns_{0};
  std::uint64_t seen_ = 0;
  int unmoved_ = 0;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace fraiseql
