#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/migrate.hpp"
#include "cli/subcommand.hpp"
#include "common/config.hpp"

namespace fraiseql {

std::function<int()> migrate_command(CLI::App& app, const General& general) {
  struct Flags {
    bool print = false, no_notify = false;
  };
  const auto flags = std::make_shared<Flags>();
  app.description("bring the database to the schema that this version needs; safe to repeat, also while others write");
  app.add_flag("--print", flags->print, "print the SQL as a script for psql and connect to nothing");
  app.add_flag(
      "--no-notify", flags->no_notify,
      "without the trigger that notifies: the bridge then polls. Needed where transactions are prepared (two-phase commit)");
  app.footer(
      "\nExamples:\n  DATABASE_URL=postgresql://app@db/app fraiseql migrate\n  fraiseql migrate --app-config "
      "/etc/app/fraiseql.toml\n"
      "  fraiseql migrate --print | less");
  return [flags, &general] {
    Sources sources = general.sources;
    sources.users = for_bridge;  // a webhook's secret need not be set for this
    const Settings settings = load(sources);
    MigrateOptions options;
    options.notify_channel = flags->no_notify ? "" : settings.text("transport.bridge.notify_channel");
    if (flags->print) {
      std::cout << migration_script(options);
      return EX_OK;
    }
    options.database_url = database_url(settings);
    migrate(options);
    std::cout << (general.json ? "{\"migrated\":true}" : "schema core is up to date") << std::endl;
    return EX_OK;
  };
}

}  // namespace fraiseql
