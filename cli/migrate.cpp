#include "cli/migrate.hpp"

#include <chrono>
#include <iostream>
#include <thread>

#include "cli/schema_files.hpp"
#include "cli/short_locks.hpp"
#include "common/errors.hpp"
#include "common/postgres.hpp"
#include "common/sql_name.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr auto give_up_after = 5min;

bool is_concurrent(const SqlFile& file) { return file.name.ends_with(".concurrently.sql"); }

/// What the files of the transaction need to know.
std::string settings_of_files(const MigrateOptions& options) {
  return "SET LOCAL standard_conforming_strings = on;\nSET LOCAL fraiseql.notify_channel = " + quoted_literal(options.notify_channel) + ";\n";
}

void say(const std::string& line) { std::cerr << "migrate: " << line << std::endl; }

/// One migration at a time. Asked again and again, for a session that waits inside pg_advisory_lock holds a snapshot, and
/// the other one's CREATE INDEX CONCURRENTLY would wait for that.
void take_turn(Postgres& postgres) {
  const auto deadline = std::chrono::steady_clock::now() + give_up_after;
  bool said = false;
  while (postgres.exec("SELECT pg_try_advisory_lock(hashtextextended('fraiseql migrate', 0))").text(0, 0) != "t") {
    if (std::chrono::steady_clock::now() > deadline) throw Unavailable("another fraiseql migrate is at work on this database");
    if (!said) say("waits for another fraiseql migrate");
    said = true;
    std::this_thread::sleep_for(200ms);
  }
}

/// All files but the concurrent ones, in one transaction, until it gets its locks.
void apply_transaction(Postgres& postgres, const MigrateOptions& options) {
  with_short_locks(postgres, "migrate", "schema core", [&] {
    postgres.exec(settings_of_files(options));
    for (const SqlFile& file : schema_files())
      if (!is_concurrent(file)) postgres.exec(std::string(file.text));
  });
}

/// Builds what must not be built under a lock. An index whose build was cut short stays behind, invalid: it goes first.
void apply_concurrently(Postgres& postgres) {
  postgres.exec("SET lock_timeout = 0; SET statement_timeout = 0; SET client_min_messages = warning");
  const Rows broken = postgres.exec(
      "SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, c.relname) FROM pg_index i JOIN pg_class c ON c.oid = "
      "i.indexrelid "
      "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.indrelid = 'core.tb_entity_change_log'::regclass AND NOT "
      "i.indisvalid "
      "AND (c.relname = 'tb_entity_change_log_xact_id_idx' OR c.relname LIKE "
      "'tb\\_entity\\_change\\_log\\_xact\\_id\\_idx\\_ccold%')");
  for (int row = 0; row < broken.size(); ++row) {
    say("drops an index whose build was cut short");
    postgres.exec(std::string(broken.text(row, 0)));
  }
  for (const SqlFile& file : schema_files())
    if (is_concurrent(file)) postgres.exec(std::string(file.text));
}

}  // namespace

void migrate(const MigrateOptions& options) try {
  Postgres::Options limits;
  limits.application_name = "fraiseql migrate";
  Postgres postgres(options.database_url, limits);
  if (postgres.server_version() < 130000)
    throw ConfigError("PostgreSQL " + std::to_string(postgres.server_version() / 10000) + " is too old: 13 or later is needed");
  if (postgres.exec("SELECT pg_is_in_recovery()").text(0, 0) == "t")
    throw Unavailable("this server is a standby: migrate the primary");
  take_turn(postgres);
  apply_transaction(postgres, options);
  apply_concurrently(postgres);
} catch (const SqlError& e) {
  throw ConfigError(std::string(e.what()) + " (SQLSTATE " + e.sqlstate + ")");
}

std::string migration_script(const MigrateOptions& options) {
  std::string script = "\\set ON_ERROR_STOP on\nBEGIN;\n" + short_lock_settings() + settings_of_files(options);
  for (const SqlFile& file : schema_files())
    if (!is_concurrent(file)) script += "\n-- " + std::string(file.name) + "\n" + std::string(file.text);
  script += "\nCOMMIT;\n";
  for (const SqlFile& file : schema_files())
    if (is_concurrent(file)) script += "\n-- " + std::string(file.name) + "\n" + std::string(file.text);
  return script;
}

}  // namespace fraiseql
