#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "common/config/settings.hpp"
#include "common/log.hpp"
#include "common/stop.hpp"

namespace CLI {
class App;
}

namespace fraiseql {

/// Who the program is.
struct Program {
  std::string name;     ///< as in the log: pg2nats-bridge
  std::string purpose;  ///< one sentence for --help
  unsigned users;       ///< which keys concern it; see Users
  bool rereads = false;  ///< SIGHUP does not end it: it rereads something (HangupSignal)
};

/// What every daemon can be told on its command line.
struct CommandLine {
  Sources sources;
  std::string log_level = "info";
  log::Format log_format = log::Format::text;
  std::string instance;  ///< never empty: `<host>-<pid>` by default
  bool check = false;    ///< look at all that the program needs, change nothing, exit 0 or 1
};

/// Adds a program's own options; the variables they are bound to must outlive the parsing.
using MoreOptions = std::function<void(CLI::App&)>;

/// Fills `line`. A value is an exit code: the program has nothing more to do (0 after --help and --version, which go to
/// `out`; 64 after one line about a mistake on `err`).
std::optional<int> parse_command_line(const Program& program, int argc, const char* const* argv, CommandLine& line,
                                      const MoreOptions& more, std::ostream& out, std::ostream& err);

/// What an exception that ends a program means: 78 ConfigError (its lines go to `err` as they are), 69 Unavailable, 70
/// anything else. Call inside of a catch block.
int exit_code_of_current_exception(std::ostream& err);

/// The whole of main(): blocks the signals, reads the command line, starts the log, runs the body and returns its exit
/// code, or the one of the exception that ended it. The log is written out before it returns.
int run_program(const Program& program, int argc, const char* const* argv,
                const std::function<int(const CommandLine&, StopSignal&)>& body, const MoreOptions& more = {});

}  // namespace fraiseql
