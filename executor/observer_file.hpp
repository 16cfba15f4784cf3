#pragma once

#include <memory>
#include <string>

#include "common/config.hpp"
#include "common/stop.hpp"
#include "executor/observers.hpp"

namespace fraiseql {

/// The observers in force. SIGHUP asks for the files to be read again: a file without a mistake takes the place of the one
/// before, any other changes nothing. Only [[observers]], [email] and [redis] are taken over; the rest needs a restart, which is
/// said. On the loop's thread.
class ObserverFile {
 public:
  /// Reads, checks and compiles. Throws ConfigError.
  explicit ObserverFile(const Sources& sources);

  const Settings& settings() const { return settings_; }    ///< as they were at the start
  const ExecutorConfig& config() const { return config_; }  ///< as it was at the start
  std::shared_ptr<const Observers> current() const { return current_; }

  int fd() const { return hangup_.fd(); }  ///< readable when `reread` should be called
  bool reread();                           ///< true: `current` is another one now. Never throws; says in the log what came of it.
  /// Why the last reading changed nothing; empty when it did.
  const std::string& refused() const { return refused_; }

 private:
  Sources sources_;
  Settings settings_;
  ExecutorConfig config_;
  std::shared_ptr<const Observers> current_;
  HangupSignal hangup_;
  std::string refused_;
};

}  // namespace fraiseql
