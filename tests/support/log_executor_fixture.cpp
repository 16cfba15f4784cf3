#include "tests/support/programs.hpp"
#include "tests/support/log_executor_fixture.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace fraiseql::test {

std::string LogExecutorFixture::webhook(const std::string& name, const std::string& path, const std::string& entity,
                                        const std::string& action, const std::string& retry) const {
  return "[[observers]]\nname = \"" + name + "\"\nentity = \"" + entity + "\"\nevent_type = \"*\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" +
         receiver.url(path) + "\"\n" + action + "\n[observers.retry]\n" + retry + "\n";
}

std::vector<std::string> LogExecutorFixture::arguments() {
  const std::string text = "[transport]\ntransport = \"postgres\"\n[transport.bridge]\n" + config.transport + "\n[executor]\nmax_concurrency = " +
                           std::to_string(config.max_concurrency) + "\nmax_per_host = " + std::to_string(config.max_concurrency) +
                           "\nchannel_capacity = " + std::to_string(config.channel_capacity) + "\nshutdown_timeout = \"" + config.shutdown_timeout +
                           "\"\n[security]\nallow_networks = [\"127.0.0.0/8\"]\n[health]\nstatus_endpoint = \"ipc://" + (directory / "status").string() +
                           "\"\n" + (config.health_port > 0 ? "listen = \"127.0.0.1:" + std::to_string(config.health_port) + "\"\n" : "") + config.observers;
  return {"--config", directory.file(unique("observer") + ".toml", text), "--app-config",
          directory.file(unique("app") + ".toml", config.max_dlq_size.empty() ? "" : "[observers]\nmax_dlq_size = " + config.max_dlq_size + "\n")};
}

Child::Options LogExecutorFixture::environment() const {
  Child::Options options;
  options.environment["DATABASE_URL"] = database;
  options.directory = directory.path().string();
  return options;
}

Child LogExecutorFixture::start(std::vector<std::string> more) {
  std::vector<std::string> command = arguments();
  command.insert(command.begin(), EXECUTOR);
  command.insert(command.end(), more.begin(), more.end());
  return Child(command, environment());
}

void LogExecutorFixture::insert(int count, int entities, const std::string& entity) const {
  sql(database, "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, object_data) SELECT '" + entity +
                    "', 'UPDATE', ('00000000-0000-4000-8000-' || lpad((i % " + std::to_string(entities) +
                    ")::text, 12, '0'))::uuid, jsonb_build_object('e', i % " + std::to_string(entities) + ", 'n', i) FROM generate_series(1, " +
                    std::to_string(count) + ") i");
}

std::int64_t LogExecutorFixture::rows() const { return std::atoll(sql(database, "SELECT count(*) FROM core.tb_entity_change_log").c_str()); }

std::int64_t LogExecutorFixture::cursor() const {
  return std::atoll(
      sql(database, "SELECT coalesce(max(last_pk), 0) FROM core.tb_transport_checkpoint WHERE transport_name = 'fraiseql_observer_worker'").c_str());
}

bool LogExecutorFixture::settled() const {
  try {
    return sql(database,
               "SELECT count(*) FROM core.tb_transport_checkpoint c WHERE transport_name = 'fraiseql_observer_worker' AND snapshot IS NOT NULL AND NOT EXISTS "
               "(SELECT FROM core.tb_entity_change_log l WHERE NOT pg_visible_in_snapshot(l.xact_id, c.snapshot) AND NOT "
               "(c.window_snapshot IS NOT NULL AND pg_visible_in_snapshot(l.xact_id, c.window_snapshot) AND l.pk_entity_change_log <= c.window_pk))") == "1";
  } catch (const std::exception&) {
    return false;  // the server is being restarted
  }
}

std::set<std::string> LogExecutorFixture::ids() const {
  std::set<std::string> found;
  std::istringstream lines(sql(database, "SELECT id FROM core.tb_entity_change_log"));
  for (std::string line; std::getline(lines, line);) found.insert(line);
  return found;
}

std::string LogExecutorFixture::letters(const std::string& columns) const {
  return sql(database, "SELECT " + columns + " FROM core.tb_observer_dlq ORDER BY pk_observer_dlq");
}

std::set<std::string> LogExecutorFixture::ids_of(const std::vector<WebhookReceiver::Request>& requests) {
  std::set<std::string> found;
  for (const auto& request : requests) found.insert(request.headers.at("webhook-id"));
  return found;
}

std::size_t LogExecutorFixture::misordered(const std::vector<WebhookReceiver::Request>& requests) {
  std::set<std::string> seen;
  std::map<std::string, long long> last;
  std::set<std::string> wrong;
  for (const auto& request : requests) {
    if (!seen.insert(request.headers.at("webhook-id")).second) continue;
    const auto at = request.body.find("{\"e\": ");
    if (at == std::string::npos) continue;
    const std::string entity = request.body.substr(at + 6, request.body.find(',', at) - at - 6);
    const long long pk = std::atoll(request.headers.at("fraiseql-pk").c_str());
    if (pk < last[entity]) wrong.insert(entity);
    last[entity] = pk;
  }
  return wrong.size();
}

}  // namespace fraiseql::test
