#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/status.hpp"

namespace fraiseql {

struct HealthConfig;

/// Sends this process's reports over ZeroMQ (PUB connect), one frame each, to every configured endpoint. Never blocks
/// its owner, and never throws after construction: what healthd does not take is dropped. Use from one thread.
class StatusSender {
 public:
  /// Fills in pid, host, started_at and, per report, sequence. Throws ConfigError for an endpoint ZeroMQ refuses.
  StatusSender(const HealthConfig& config, std::string component, std::string instance);
  ~StatusSender();  ///< says goodbye (state "stopped") with the counters of the last report; waits 100 ms at most
  StatusSender(const StatusSender&) = delete;
  StatusSender& operator=(const StatusSender&) = delete;

  void send(StatusReport report);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fraiseql
