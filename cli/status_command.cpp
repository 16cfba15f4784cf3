#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/status.hpp"
#include "cli/subcommand.hpp"

namespace fraiseql {

std::function<int()> status_command(CLI::App& app, const General& general) {
  const auto options = std::make_shared<StatusOptions>();
  app.description("how the pipeline is: what healthd says, or without one what PostgreSQL and NATS tell; exit 0 when it is ok, else 1");
  app.add_flag("--watch", options->watch, "again every second, until Ctrl-C");
  app.add_option("--healthd", options->healthd, "the healthd to ask; default the one of health.listen")->type_name("HOST:PORT")->check([](const std::string& text) {
    const auto colon = text.rfind(':');
    const bool well = colon != std::string::npos && colon > 0 && colon + 1 < text.size() && text.find_first_of(" /@?#") == std::string::npos &&
                      text.find_first_not_of("0123456789", colon + 1) == std::string::npos;
    return well ? std::string() : text + ": not HOST:PORT, such as 127.0.0.1:8080";
  });
  app.footer(
      "\n--format json prints healthd's /status.json (docs/health.md), with --watch a line a second. Without healthd \"healthd\" is null.\n\n"
      "Examples:\n  fraiseql status\n  fraiseql status --watch\n  fraiseql status --healthd health-1.internal:8080 --format json");
  return [options, &general] { return status(general, *options, std::cout); };
}

}  // namespace fraiseql
