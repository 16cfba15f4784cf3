#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/check.hpp"
#include "cli/subcommand.hpp"

namespace fraiseql {

std::function<int()> check_command(CLI::App& app, const General& general) {
  app.description("look at all that the programs need, change nothing; exit 0, 1 when something is wrong, 78 for the configuration");
  app.footer("\nExamples:\n  fraiseql check\n  fraiseql check --format json --config fraiseql-observer.toml");
  return [&general] { return check(general.sources, general.json, std::cout); };
}

}  // namespace fraiseql
