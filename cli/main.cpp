#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include "cli/migrate.hpp"
#include "common/errors.hpp"

using namespace fraiseql;

namespace {

/// What every subcommand may be told.
struct General {
  std::string observer_file, app_file, format = "text";
};

/// A subcommand: describes itself to the parser, and returns what to run when it was chosen.
using Subcommand = std::function<int()> (*)(CLI::App& app, General& general);

std::string database_url(const General& general) {
  if (!general.observer_file.empty() || !general.app_file.empty()) throw ConfigError("--config, --app-config: not supported yet");
  const char* url = std::getenv("DATABASE_URL");
  if (!url || !*url) throw ConfigError("database.url is not set: set DATABASE_URL");
  return url;
}

std::function<int()> migrate_command(CLI::App& app, General& general) {
  static bool print = false, no_notify = false;
  app.description("bring the database to the schema that this version needs; safe to repeat, also while others write");
  app.add_flag("--print", print, "print the SQL, connect to nothing");
  app.add_flag("--no-notify", no_notify, "without the trigger that notifies; the bridge then polls");
  app.footer("Examples:\n  DATABASE_URL=postgresql://app@db/app fraiseql migrate\n  fraiseql migrate --print | less");
  return [&general] {
    MigrateOptions options{"", no_notify ? "" : "fraiseql_events"};
    if (print) {
      std::cout << migration_script(options);
      return EX_OK;
    }
    options.database_url = database_url(general);
    migrate(options);
    std::cout << (general.format == "json" ? "{\"migrated\":true}" : "schema core is up to date") << std::endl;
    return EX_OK;
  };
}

constexpr struct {
  const char* name;
  Subcommand describe;
} subcommands[] = {
    {"migrate", migrate_command},
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"fraiseql: the operator's hand on the pipeline from PostgreSQL to NATS JetStream", "fraiseql"};
  General general;
  app.set_version_flag("--version", FRAISEQL_VERSION);
  app.add_option("--config", general.observer_file, "observer file (default: fraiseql-observer.toml)");
  app.add_option("--app-config", general.app_file, "application file (default: fraiseql.toml)");
  app.add_option("--format", general.format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.footer("Examples:\n  fraiseql migrate\n  fraiseql migrate --help");
  app.require_subcommand(1);
  std::function<int()> chosen;
  for (const auto& [name, describe] : subcommands) {
    CLI::App* sub = app.add_subcommand(name)->fallthrough();  // general options may stand after the subcommand too
    sub->callback([&chosen, run = describe(*sub, general)] { chosen = run; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? EX_OK : EX_USAGE;
  }
  return chosen();
} catch (const ConfigError& e) {
  std::cerr << "fraiseql: " << e.what() << std::endl;
  return EX_CONFIG;
} catch (const Unavailable& e) {
  std::cerr << "fraiseql: " << e.what() << std::endl;
  return EX_UNAVAILABLE;
} catch (const std::exception& e) {
  std::cerr << "fraiseql: unexpected: " << e.what() << std::endl;
  return EX_SOFTWARE;
}
