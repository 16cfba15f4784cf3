#pragma once

#include <optional>
#include <string>

#include "common/config.hpp"
#include "common/log.hpp"

namespace fraiseql {

struct RunOptions {
  Sources sources;
  std::optional<int> executors;  ///< none: one, when the configuration asks for executors
  std::string log_level = "info";
  log::Format log_format = log::Format::text;
  std::string instance;  ///< the programs' own names begin with it; empty: <host>-<pid>
};

/// `fraiseql run`: starts what the configuration asks for and keeps it running until SIGTERM or SIGINT. Returns the exit
/// code. Throws ConfigError for a configuration that is not right, before anything is started. Call it before any thread
/// is started.
int run(const RunOptions& options);

}  // namespace fraiseql
