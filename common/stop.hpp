#pragma once

#include <chrono>

namespace fraiseql {

/// Turns SIGTERM and SIGINT into something a loop can wait on.
///
/// Make it the first object in main(): it blocks the signals, and threads inherit the mask they are started under,
/// including those that cnats, ZeroMQ and the metrics server start. SIGPIPE is ignored from here on. The first signal
/// asks for a graceful stop; once it is noticed, a second one ends the process. Use from one thread.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool wait_for(std::chrono::milliseconds pause);  ///< sleeps, or until a signal; true when to stop
  bool requested() { return wait_for(std::chrono::milliseconds(0)); }  ///< the same, without sleeping
  int fd() const { return fd_; }  ///< readable once a signal has come: for a loop's own poll; owned by this object

 private:
  int fd_;
  bool requested_ = false;
};

/// Turns SIGHUP, the request to reread what can be reread, into something a loop can wait on.
class HangupSignal {
 public:
  /// From here on SIGHUP ends nothing. Before anything that starts a thread, as for StopSignal.
  static void block();

  HangupSignal();  ///< blocks it, too
  ~HangupSignal();
  HangupSignal(const HangupSignal&) = delete;
  HangupSignal& operator=(const HangupSignal&) = delete;

  bool take();                    ///< whether one has come since the last call
  int fd() const { return fd_; }  ///< readable until it is taken; owned by this object

 private:
  int fd_;
};

}  // namespace fraiseql
