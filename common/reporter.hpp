#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/status.hpp"

namespace fraiseql {

struct HealthConfig;

/// Reports once a second from a thread of its own, so that a loop which waits for a peer is not taken for a dead one;
/// and watches that loop: 60 s without a turn end the process with exit code 70, for the supervisor to start it anew.
/// The other methods may be called from any thread.
class Reporter {
 public:
  Reporter(const HealthConfig& config, std::string component, std::string instance);
  ~Reporter();  ///< says goodbye
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void update(const std::function<void(StatusReport&)>& change);
  void turn() { ++turns_; }  ///< the loop lives

 private:
  void run();

  struct Sender;
  std::unique_ptr<Sender> sender_;
  std::mutex mutex_;
  StatusReport report_;
  std::atomic<unsigned> turns_{0};
  std::atomic<bool> stop_{false};
  int wake_fd_;
  std::thread thread_;
};

}  // namespace fraiseql
