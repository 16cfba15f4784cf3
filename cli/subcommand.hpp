#pragma once

#include <functional>

#include "common/config/settings.hpp"

namespace CLI {
class App;
}

namespace fraiseql {

/// What every subcommand may be told.
struct General {
  Sources sources;
  bool json = false;
};

/// Describes a subcommand to the parser and returns what to run when it is chosen; that returns the exit code, or throws
/// ConfigError (78) or Unavailable (69). `general` is filled by then and outlives it.
using Subcommand = std::function<int()> (*)(CLI::App& app, const General& general);

std::function<int()> bridge_command(CLI::App& app, const General& general);
std::function<int()> capture_command(CLI::App& app, const General& general);
std::function<int()> check_command(CLI::App& app, const General& general);
std::function<int()> dlq_command(CLI::App& app, const General& general);
std::function<int()> migrate_command(CLI::App& app, const General& general);
std::function<int()> run_command(CLI::App& app, const General& general);
std::function<int()> status_command(CLI::App& app, const General& general);

}  // namespace fraiseql
