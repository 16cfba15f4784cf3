#include "common/config/slices.hpp"

#include <algorithm>

#include "common/config.hpp"
#include "common/config/mistakes.hpp"
#include "common/config/rules.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"

namespace fraiseql {
namespace {

[[noreturn]] void refuse(const std::string& origin, std::string_view key, std::string_view message) {
  throw ConfigError(config::mistake_line(origin, key, message));
}

std::string text_or_empty(const Settings& settings, std::string_view key) { return settings.has(key) ? settings.text(key) : ""; }
int small(const Settings& settings, std::string_view key) { return static_cast<int>(settings.integer(key)); }  // its range fits

std::string without_blanks(const std::string& list) {
  std::string out;
  for (const std::string& element : config::split_list(list)) out += (out.empty() ? "" : ",") + element;
  return out;
}

/// One URL, or a list of which only the first element has a scheme.
std::string bare_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));  // libpq takes a password among the parameters
  const auto scheme = url.find("://");
  const std::size_t begin = scheme == url.npos ? 0 : scheme + 3;
  // The last @, since a password that nobody encoded may hold one, or a slash.
  const auto at = url.rfind('@');
  if (at == url.npos || at < begin) return std::string(url);
  return std::string(url.substr(0, begin)) + std::string(url.substr(at + 1));
}

/// libpq's `keyword=value ...`: the place alone.
std::string bare_keywords(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  const auto skip_blanks = [&] {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n')) ++at;
  };
  while (skip_blanks(), at < text.size()) {
    const auto equals = text.find('=', at);
    if (equals == text.npos) break;
    std::string_view keyword = text.substr(at, equals - at);
    while (keyword.ends_with(' ')) keyword.remove_suffix(1);
    at = equals + 1;
    skip_blanks();
    const std::size_t begin = at;
    const bool in_quotes = at < text.size() && text[at] == '\'';
    if (in_quotes) ++at;
    while (at < text.size() && (in_quotes ? text[at] != '\'' : text[at] != ' ')) at += text[at] == '\\' ? 2 : 1;
    at = std::min(in_quotes ? at + 1 : at, text.size());
    if (keyword == "host" || keyword == "hostaddr" || keyword == "port" || keyword == "dbname")
      out += (out.empty() ? "" : " ") + std::string(keyword) + "=" + std::string(text.substr(begin, at - begin));
  }
  // Where a URL may stand for the name of the database, it may hold a password.
  return out.find("://") == out.npos ? out : "";
}

}  // namespace

std::string without_credentials(const std::string& url) {
  if (url.find("://") == url.npos && url.find('=') != url.npos) return bare_keywords(url);
  const auto first = url.find("://");
  if (const auto equals = url.find('='); equals != url.npos && equals < first) return bare_keywords(url);
  std::string out;
  // Cut before each element that has a scheme of its own: a comma alone may be part of a password.
  for (std::size_t begin = 0; begin < url.size();) {
    const auto scheme = url.find("://", begin);
    const auto next = scheme == url.npos ? url.npos : url.find("://", scheme + 3);
    const auto comma = next == url.npos ? url.npos : url.rfind(',', next);
    const std::size_t end = comma == url.npos || comma < begin ? url.size() : comma;
    out += (out.empty() ? "" : ",") + bare_url(std::string_view(url).substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::string database_url(const Settings& settings) {
  if (!settings.has("database.url") && !settings.why_no_database().empty()) throw ConfigError(settings.why_no_database());
  if (!settings.has("database.url"))
    refuse(settings.app_file() + ":1", "database.url", "is not set: set DATABASE_URL, or url in [database]");
  return settings.text("database.url");
}

NatsConfig nats_config(const Settings& s) {
  using namespace std::chrono;
  NatsConfig nats;
  nats.url = without_blanks(s.text("transport.nats.url"));
  nats.user = text_or_empty(s, "transport.nats.user");
  nats.password = text_or_empty(s, "transport.nats.password");
  nats.token = text_or_empty(s, "transport.nats.token");
  nats.stream_name = s.text("transport.nats.stream_name");
  nats.subject_prefix = s.text("transport.nats.subject_prefix");
  nats.consumer_name = s.text("transport.nats.consumer_name");
  nats.dlq_subject_prefix = s.text("transport.nats.dlq_subject_prefix");
  nats.duplicate_window = minutes(s.integer("transport.nats.jetstream.dedup_window_minutes"));
  nats.max_age = hours(24 * s.integer("transport.nats.jetstream.max_age_days"));
  nats.max_msgs = s.integer("transport.nats.jetstream.max_msgs");
  nats.max_bytes = s.integer("transport.nats.jetstream.max_bytes");
  nats.ack_wait = seconds(s.integer("transport.nats.jetstream.ack_wait_secs"));
  nats.max_deliver = small(s, "transport.nats.jetstream.max_deliver");
  nats.replicas = small(s, "transport.nats.jetstream.replicas");
  nats.manage = s.flag("transport.nats.jetstream.manage");
  if (s.has("observers.max_dlq_size")) nats.max_dlq_size = s.integer("observers.max_dlq_size");
  return nats;
}

HealthConfig health_config(const Settings& s) {
  HealthConfig health;
  health.listen = s.text("health.listen");
  health.status_endpoints = config::split_list(s.text("health.status_endpoint"));
  health.stale_after = std::chrono::seconds(s.integer("health.stale_after_secs"));
  health.expect_bridges = small(s, "health.expect_bridges");
  health.expect_executors = small(s, "health.expect_executors");
  health.transport = s.transport();
  health.stream_name = s.text("transport.nats.stream_name");
  return health;
}

BridgeConfig bridge_config(const Settings& s) {
  if (!s.run_bridge())
    refuse(s.origin("transport.run_bridge"), "transport.run_bridge", "is false: pg2nats-bridge shall not run here");
  return bridge_elsewhere(s);
}

BridgeConfig bridge_elsewhere(const Settings& s) {
  BridgeConfig bridge;
  bridge.database_url = database_url(s);
  bridge.nats = nats_config(s);
  bridge.health = health_config(s);
  bridge.transport_name = s.text("transport.bridge.transport_name");
  bridge.batch_size = small(s, "transport.bridge.batch_size");
  bridge.poll_interval = std::chrono::seconds(s.integer("transport.bridge.poll_interval_secs"));
  bridge.notify_channel = s.text("transport.bridge.notify_channel");
  bridge.start_from_now = s.text("transport.bridge.start_from") == "now";
  const std::string& chain = s.text("transport.bridge.chain");
  bridge.chain = chain == "on" ? Chain::on : chain == "off" ? Chain::off : Chain::automatic;
  bridge.max_in_flight = small(s, "transport.bridge.max_in_flight");
  return bridge;
}

namespace {

ChangeLogConfig change_log_config(const Settings& s) {
  ChangeLogConfig change_log;
  change_log.transport_name = s.text("transport.nats.consumer_name");
  change_log.batch_size = small(s, "transport.bridge.batch_size");
  change_log.poll_interval = std::chrono::seconds(s.integer("transport.bridge.poll_interval_secs"));
  change_log.notify_channel = s.text("transport.bridge.notify_channel");
  change_log.start_from_now = s.text("transport.bridge.start_from") == "now";
  return change_log;
}

}  // namespace

ExecutorConfig executor_config(const Settings& s) {
  if (!s.run_executors())
    refuse(s.origin("transport.run_executors"), "transport.run_executors", "is false: executors shall not run here");
  ExecutorConfig executor;
  executor.transport = s.transport() == "nats"       ? Transport::nats
                       : s.transport() == "postgres" ? Transport::postgres
                                                     : Transport::in_memory;
  executor.nats = nats_config(s);
  executor.change_log = change_log_config(s);
  if (executor.transport == Transport::postgres) executor.change_log.database_url = database_url(s);
  executor.health = health_config(s);
  executor.max_concurrency = small(s, "executor.max_concurrency");
  executor.max_per_host = small(s, "executor.max_per_host");
  executor.channel_capacity = small(s, "executor.channel_capacity");
  executor.shutdown_timeout = milliseconds(s.integer("executor.shutdown_timeout"));
  executor.allow_networks = s.list("security.allow_networks");
  executor.observers = s.observers();
  executor.actions = s.actions();
  executor.actions.database_url = text_or_empty(s, "database.url");
  executor.actions.subject_prefix = executor.nats.subject_prefix;
  executor.actions.dlq_subject_prefix = executor.nats.dlq_subject_prefix;
  return executor;
}

std::vector<std::string> startup_lines(const Settings& s) {
  if (s.transport() != "nats") return {"[observers] transport: " + s.transport(), "[observers] JetStream enabled: false"};
  return {"[observers] transport: nats (" + without_credentials(s.text("transport.nats.url")) + ")",
          "[observers] JetStream enabled: true", "[observers] stream: " + s.text("transport.nats.stream_name")};
}

void log_startup(const Settings& settings) {
  for (const std::string& warning : settings.warnings()) log::warn(warning);
  for (const std::string& line : startup_lines(settings)) log::info(line);
}

}  // namespace fraiseql
