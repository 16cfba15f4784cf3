#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/run.hpp"
#include "cli/subcommand.hpp"

namespace fraiseql {
namespace {

/// The programs add their own parts to it, and each must be an instance's name.
std::string instance_complaint(const std::string& name) {
  const bool well = !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return well ? "" : "must be 1 to 100 characters of printable ASCII without spaces";
}

}  // namespace

std::function<int()> run_command(CLI::App& app, const General& general) {
  struct Flags {
    RunOptions options;
    std::string log_format = "text";
    int executors = 1;
  };
  const auto flags = std::make_shared<Flags>();
  app.description("start what the configuration asks for, and keep it running until SIGTERM or Ctrl-C");
  const CLI::Option* count = app.add_option("--executors", flags->executors, "how many executors; default 1")->type_name("N")->check(CLI::Range(0, 1000));
  app.add_option("--log-level", flags->options.log_level, "trace, debug, info, warn or error; default info")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  app.add_option("--log-format", flags->log_format, "text or json; default text")->type_name("FORMAT")->check(CLI::IsMember({"text", "json"}));
  app.add_option("--instance", flags->options.instance, "how the names of the processes in reports begin; default <host>-<pid>")
      ->type_name("NAME")
      ->check(instance_complaint);
  app.footer("\nExamples:\n  fraiseql run\n  fraiseql run --executors 4 --config /etc/fraiseql/fraiseql-observer.toml");
  return [flags, count, &general] {
    if (general.json) {
      std::cerr << "fraiseql: --format json: run prints nothing but its log; use --log-format json" << std::endl;
      return EX_USAGE;
    }
    RunOptions options = flags->options;
    options.sources = general.sources;
    options.log_format = flags->log_format == "json" ? log::Format::json : log::Format::text;
    if (count->count() > 0) options.executors = flags->executors;
    return run(options);
  };
}

}  // namespace fraiseql
