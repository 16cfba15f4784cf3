#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/stop.hpp"

namespace fraiseql {

/// A program to keep running.
struct Supervised {
  std::string name;
  std::vector<std::string> command;
  bool stops_last = false;  ///< it is there to hear the goodbyes of the others
  bool rereads = false;     ///< SIGHUP is passed on to it
};

/// Keeps programs running until a stop. Make it before any thread is started: it blocks SIGCHLD, and a thread that did
/// not inherit this would swallow the news of a child's end. One at a time.
class Supervisor {
 public:
  explicit Supervisor(StopSignal& stop);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts all, and restarts what ends, after pauses that double from 200 ms to 30 s and begin anew once it has lived
  /// for 10 s. At the stop SIGTERM to all, and SIGKILL to those that take longer than `patience`.
  ///
  /// Returns 0 after a stop, 78 when a program ended with 78: it would do so again, and a human has to act. As process
  /// 1 of a container it reaps whatever is left to it.
  int run(const std::vector<Supervised>& programs, std::chrono::milliseconds patience);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fraiseql
