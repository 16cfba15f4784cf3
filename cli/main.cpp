#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <string>

#include "cli/subcommand.hpp"
#include "common/errors.hpp"
#include "common/text.hpp"

using namespace fraiseql;

namespace {

constexpr struct {
  const char* name;
  Subcommand describe;
} subcommands[] = {
    {"bridge", bridge_command},
    {"capture", capture_command},
    {"check", check_command},
    {"dlq", dlq_command},
    {"migrate", migrate_command},
    {"run", run_command},
    {"status", status_command},
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"the operator's hand on the pipeline from PostgreSQL to NATS JetStream", "fraiseql"};
  General general;
  std::string format = "text";
  app.add_option("--config", general.sources.observer_file,
                 "the observer file; not given: fraiseql-observer.toml here, if there is one")
      ->type_name("FILE");
  app.add_option("--app-config", general.sources.app_file, "FraiseQL's file; not given: fraiseql.toml here, if there is one")
      ->type_name("FILE");
  app.add_option("--format", format, "text or json; default text")->type_name("FORMAT")->check(CLI::IsMember({"text", "json"}));
  app.set_version_flag("--version", std::string("fraiseql ") + FRAISEQL_VERSION);
  app.footer(
      "\nExit codes: 0 done, 1 found something, 64 usage, 69 server unavailable, 70 a defect, 78 configuration.\n\n"
      "Examples:\n  fraiseql migrate\n  fraiseql check\n  fraiseql run --executors 4\n  fraiseql status --watch\n  fraiseql dlq list\n  fraiseql run --help");
  app.require_subcommand(1);
  std::function<int()> chosen;
  for (const auto& [name, describe] : subcommands) {
    CLI::App* sub = app.add_subcommand(name)->fallthrough();  // general options may stand after the subcommand too
    sub->callback([&chosen, run = describe(*sub, general)] { chosen = run; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    app.exit(e);
    return EX_OK;
  } catch (const CLI::ParseError& e) {
    // The library's own codes are 105 to 114.
    std::cerr << "fraiseql: " << one_line(e.what()) << "; see fraiseql --help" << std::endl;
    return EX_USAGE;
  }
  general.json = format == "json";
  return chosen();
} catch (const ConfigError& e) {
  std::cerr << e.what() << std::endl;
  return EX_CONFIG;
} catch (const Unavailable& e) {
  std::cerr << "fraiseql: " << e.what() << std::endl;
  return EX_UNAVAILABLE;
} catch (const std::exception& e) {
  std::cerr << "fraiseql: unexpected: " << e.what() << std::endl;
  return EX_SOFTWARE;
}
