#pragma once

#include <chrono>
#include <memory>
#include <string>

namespace fraiseql {

class Health;

/// Takes status reports off the network (ZeroMQ SUB, bound) and hands them to Health. Use from one thread.
class Collector {
 public:
  /// Throws Unavailable when the endpoint is in use, ConfigError when it cannot be bound at all.
  ///
  /// An ipc socket gets mode 0600 and a lock file beside it, for ZeroMQ would take the path away from a living healthd.
  /// Changes the umask for a moment: call it before other threads make files.
  Collector(const std::string& endpoint, Health& health);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  /// Takes what is there; waits for at most `pause` when nothing is.
  void turn(std::chrono::milliseconds pause);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fraiseql
