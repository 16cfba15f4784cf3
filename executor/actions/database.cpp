#include <libpq-fe.h>
#include <sys/socket.h>

#include <memory>
#include <optional>

#include "common/errors.hpp"
#include "common/postgres.hpp"
#include "common/sql_name.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr auto slack = 1s;  // for the server's own time-out to arrive
constexpr auto longest_lock_wait = 5s;
constexpr std::string_view application_name = "fraiseql executor";

struct Call {
  std::string url;
  std::string sql;
  std::chrono::milliseconds limit;
};

// What the function can ask by current_setting('fraiseql.event_id', true).
struct Facts {
  std::string event_id, observer, pk;
};

// 08 connection, 40 rolled back by a conflict, 53 out of resources, 55P03 lock not available, 57 an operator steps in.
// Everything else, a RAISE of the function included (P0001), would be said again.
bool passes(const std::string& sqlstate) {
  for (const char* start : {"08", "40", "53", "55P03", "57"})
    if (sqlstate.starts_with(start)) return true;
  return false;
}

Outcome outcome_of(const SqlError& e) {
  constexpr std::string_view timed_out = "57014";
  if (e.sqlstate == timed_out) return {Failure::timeout, 0, std::string("PostgreSQL: ") + e.what(), {}};
  return {
      Failure::database, 0, "PostgreSQL: " + std::string(e.what()) + " (SQLSTATE " + e.sqlstate + ")", {}, !passes(e.sqlstate)};
}

/// One thread's connection, kept between calls.
struct Kept {
  std::string url;
  std::optional<Postgres> connection;
};

void connect(Kept& kept, const Call& call) {
  Postgres::Options options;
  options.application_name = application_name;
  options.statement_timeout = call.limit;
  kept.url = call.url;
  kept.connection.emplace(call.url, options);
  // The function of a try that was broken off shall not go on: the server notices that we are gone.
  constexpr int notices_since = 140000;
  if (kept.connection->server_version() >= notices_since) try {
      kept.connection->exec("SET client_connection_check_interval = '1s'");
    } catch (const SqlError&) {  // not every system can
    }
}

void call_function(Postgres& postgres, const Call& call, const Facts& facts, const std::string& argument, bool& begun) {
  const auto lock_wait = std::min<std::chrono::milliseconds>(longest_lock_wait, call.limit);
  postgres.transaction([&] {
    postgres.exec(
        "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true), "
        "set_config('fraiseql.event_id', $3, true), set_config('fraiseql.observer', $4, true), set_config('fraiseql.pk', $5, "
        "true)",
        {std::to_string(call.limit.count()), std::to_string(lock_wait.count()), facts.event_id, facts.observer, facts.pk});
    begun = true;
    postgres.exec(call.sql, {argument});
  });
}

Outcome run_call(const Call& call, const Facts& facts, const std::string& argument, const std::stop_token& token) {
  thread_local Kept kept;
  bool fresh = !kept.connection || kept.url != call.url || !kept.connection->is_open();
  bool begun = false;
  while (!token.stop_requested()) try {
      if (fresh) {
        kept.connection.reset();
        connect(kept, call);
      }
      // libpq waits without an end for a server that is frozen: the reader shall see the end of the connection instead.
      const std::stop_callback cut(token, [socket = kept.connection->socket()] { shutdown(socket, SHUT_RDWR); });
      call_function(*kept.connection, call, facts, argument, begun);
      return {};
    } catch (const SqlError& e) {
      return outcome_of(e);
    } catch (const std::exception& e) {  // Unavailable, or what is no answer either: not to be used again
      kept.connection.reset();
      // The kept connection was dead, and the function has not been called by this try.
      if (fresh || begun) return {Failure::network, 0, e.what(), {}};
      fresh = true;
    }
  return {Failure::timeout, 0, "broken off", {}};
}

/// Where that is, without user and password. Throws ConfigError.
std::string place_of(const std::string& url) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(PQconninfoParse(url.c_str(), &complaint),
                                                                            &PQconninfoFree);
  PQfreemem(complaint);  // it quotes the text, password included
  if (!parsed) throw ConfigError("database.url: neither a PostgreSQL URL nor keywords such as host=db dbname=app");
  std::string made = "postgresql";
  for (const std::string_view wanted : {"host", "hostaddr", "port", "dbname"})
    for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option)
      if (option->keyword == wanted && option->val && *option->val)
        made += (wanted == "port" ? ":" : wanted == "dbname" ? "/" : " ") + std::string(option->val);
  return made;
}

class DatabaseAction : public Action {
 public:
  DatabaseAction(const ActionConfig& config, std::string function, const std::string& url)
      : host_(place_of(url)),
        name_(config.function_name),
        function_(std::move(function)),
        call_{url, "SELECT " + function_ + "($1::jsonb)", config.timeout},
        params_(config.params) {}

  const std::string& host() const override { return host_; }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    const Facts facts{attempt.event.id, attempt.observer, std::string(attempt.event.message.header("Fraiseql-Pk"))};
    return run_blocking(tools,
                        {host_, call_.limit + slack,
                         [call = call_, facts, argument = argument(attempt)](const std::stop_token& token) {
                           return run_call(call, facts, argument, token);
                         }},
                        std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return "database " + name_ + " at " + host_ + " " + argument(attempt);
  }

  std::string complaint() const override try {
    Postgres::Options options;
    options.application_name = application_name;
    options.statement_timeout = longest_lock_wait;
    Postgres postgres(call_.url, options);
    // Read and resolved, not run.
    postgres.exec("PREPARE fraiseql_check(text) AS " + call_.sql);
    const Rows rows =
        postgres.exec("SELECT has_function_privilege(to_regprocedure($1)::oid, 'EXECUTE')", {function_ + "(jsonb)"});
    // Null for a function that takes more than a jsonb, by defaults: it was resolved above.
    if (!rows.is_null(0, 0) && rows.text(0, 0) == "f") return name_ + ": this user may not EXECUTE the function (" + host_ + ")";
    return {};
  } catch (const std::exception& e) {
    return name_ + ": " + e.what();
  }

 private:
  // The event's bytes as they came: every digit of a number.
  std::string argument(const Try& attempt) const {
    return "{\"event\":" + attempt.event.message.payload + ",\"params\":" + params_ + "}";
  }

  std::string host_, name_;
  std::string function_;  // the name in quotes
  Call call_;
  std::string params_;
};

}  // namespace

std::unique_ptr<const Action> make_database(const ActionConfig& config, const ActionSettings& settings) {
  if (settings.database_url.empty())
    throw ConfigError(config.origin + ": observers.actions.type: database needs database.url or DATABASE_URL");
  auto function = quoted_name(config.function_name);
  if (!function) throw ConfigError(config.origin + ": observers.actions.function_name: " + function.error().what);
  return std::make_unique<DatabaseAction>(config, std::move(function).value(), settings.database_url);
}

}  // namespace fraiseql
