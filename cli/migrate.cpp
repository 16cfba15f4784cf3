#include "cli/migrate.hpp"

#include <chrono>
#include <iostream>
#include <thread>

#include "cli/schema_files.hpp"
#include "common/errors.hpp"
#include "common/postgres.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

// Every writer queues behind a waiting ALTER, and two locks may be waited for one after the other (the table's, then the
// view's): half a second each keeps a writer's wait well below two seconds.
constexpr auto lock_wait = 500ms;
constexpr auto give_up_after = 5min;

bool is_concurrent(const SqlFile& file) { return file.name.ends_with(".concurrently.sql"); }

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

/// What the files of the transaction need to know, and how long they wait for locks.
std::string preamble(const MigrateOptions& options) {
  return "SET LOCAL lock_timeout = '" + std::to_string(lock_wait.count()) + "ms';\nSET LOCAL client_min_messages = warning;\n" +
         "SET LOCAL standard_conforming_strings = on;\nSET LOCAL fraiseql.notify_channel = " + quoted(options.notify_channel) +
         ";\n";
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
  const auto deadline = std::chrono::steady_clock::now() + give_up_after;
  auto pause = 500ms;
  while (true) {
    try {
      postgres.transaction([&] {
        postgres.exec(preamble(options));
        for (const SqlFile& file : schema_files())
          if (!is_concurrent(file)) postgres.exec(std::string(file.text));
      });
      return;
    } catch (const SqlError& e) {
      const bool locked = e.sqlstate == "55P03" || e.sqlstate == "40P01";
      if (!locked) throw;
      if (std::chrono::steady_clock::now() > deadline)
        throw Unavailable("the tables of schema core stay locked by another session; see pg_stat_activity for long transactions");
      say("core is locked by another transaction; tries again in " + std::to_string(pause.count()) + " ms");
    }
    std::this_thread::sleep_for(pause);  // those who queued behind us go first
    pause = std::min(pause * 2, std::chrono::milliseconds(5000));
  }
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
  std::string script = "\\set ON_ERROR_STOP on\nBEGIN;\n" + preamble(options);
  for (const SqlFile& file : schema_files())
    if (!is_concurrent(file)) script += "\n-- " + std::string(file.name) + "\n" + std::string(file.text);
  script += "\nCOMMIT;\n";
  for (const SqlFile& file : schema_files())
    if (is_concurrent(file)) script += "\n-- " + std::string(file.name) + "\n" + std::string(file.text);
  return script;
}

}  // namespace fraiseql
