#include "common/config/keys.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/config/rules.hpp"

namespace fraiseql::config {
namespace {

constexpr std::int64_t any_number = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t day_s = 86'400;
constexpr unsigned b = for_bridge, e = for_executor, h = for_healthd;
constexpr bool later = true;

constexpr Rule flag() { return {Type::flag}; }
constexpr Rule integer(std::int64_t least, std::int64_t most, Check check = nullptr) {
  return {Type::integer, least, most, {}, check};
}
constexpr Rule duration(std::int64_t least, std::int64_t most) { return {Type::duration, least, most}; }
constexpr Rule choice(std::string_view choices) { return {Type::choice, 0, 0, choices}; }
constexpr Rule list(Check check) { return {Type::list, 0, 0, {}, check}; }
/// Of at least and at most so many bytes.
constexpr Rule text(std::int64_t least, std::int64_t most, Check check = printable) {
  return {Type::text, least, most, {}, check};
}

// A key per line or two, to be read as a table.
// clang-format off
constexpr Key observer_file_keys[] = {
    {"transport.transport", "FRAISEQL_OBSERVER_TRANSPORT", choice("postgres, nats, in_memory"), "postgres", "",
     "how events travel; not set: `[observers] backend` of fraiseql.toml", b | e | h},
    {"transport.run_bridge", "FRAISEQL_NATS_ENABLE_BRIDGE", flag(), "false", "", "pg2nats-bridge runs here; needs transport `nats`", b | e | h},
    {"transport.run_executors", "FRAISEQL_NATS_RUN_EXECUTORS", flag(), "true", "", "executors run here", b | e | h},

    {"transport.nats.url", "FRAISEQL_NATS_URL", text(0, 8192, nats_urls), "nats://localhost:4222", "",
     "one server or a comma separated list; not set: `[observers] nats_url` of fraiseql.toml", b | e | h},
    {"transport.nats.stream_name", "FRAISEQL_NATS_STREAM_NAME", text(1, any_number, stream_name), "fraiseql_events",
     "nats.stream_name cannot be empty", "the stream of events", b | e | h},
    {"transport.nats.subject_prefix", "FRAISEQL_NATS_SUBJECT_PREFIX", text(1, any_number, subject_prefix), "fraiseql.mutation",
     "nats.subject_prefix cannot be empty", "subjects are `<prefix>.<entity>.<operation>`", b | e},
    {"transport.nats.consumer_name", "FRAISEQL_NATS_CONSUMER_NAME", text(1, any_number, consumer_name), "fraiseql_observer_worker",
     "nats.consumer_name cannot be empty", "the durable consumer that all executors share; with transport `postgres` the name of their checkpoint", b | e},
    {"transport.nats.dlq_subject_prefix", "FRAISEQL_NATS_DLQ_SUBJECT_PREFIX", text(1, any_number, subject_prefix), "fraiseql.dlq",
     "nats.dlq_subject_prefix cannot be empty", "subjects of dead letters; neither under nor above `subject_prefix`", b | e},
    {"transport.nats.credentials_file", "FRAISEQL_NATS_CREDENTIALS_FILE", text(1, 4096), "", "", "file with a user's JWT and key", b | e, later},
    {"transport.nats.nkey_seed_file", "FRAISEQL_NATS_NKEY_SEED_FILE", text(1, 4096), "", "", "file with an NKey's seed", b | e, later},
    {"transport.nats.user", "FRAISEQL_NATS_USER", text(0, 4096), "", "", "at most one way to authenticate", b | e},
    {"transport.nats.password", "FRAISEQL_NATS_PASSWORD", text(0, 4096), "", "", "goes with `user`", b | e},
    {"transport.nats.token", "FRAISEQL_NATS_TOKEN", text(0, 4096), "", "", "instead of user and password", b | e},
    {"transport.nats.tls_ca", "FRAISEQL_NATS_TLS_CA", text(1, 4096), "", "", "file with certificates to trust", b | e, later},
    {"transport.nats.tls_cert", "FRAISEQL_NATS_TLS_CERT", text(1, 4096), "", "", "file with the client's certificate", b | e, later},
    {"transport.nats.tls_key", "FRAISEQL_NATS_TLS_KEY", text(1, 4096), "", "", "file with the client's key", b | e, later},

    {"transport.nats.jetstream.dedup_window_minutes", "FRAISEQL_NATS_DEDUP_WINDOW_MINUTES", integer(1, 60), "5",
     "jetstream.dedup_window_minutes must be between 1 and 60", "how long the server knows message ids", b | e},
    {"transport.nats.jetstream.max_age_days", "FRAISEQL_NATS_MAX_AGE_DAYS", integer(1, 36'500), "7",
     "jetstream.max_age_days must be between 1 and 36500", "older messages leave the stream", b | e},
    {"transport.nats.jetstream.max_msgs", "FRAISEQL_NATS_MAX_MSGS", integer(1, any_number), "10000000",
     "jetstream.max_msgs must be > 0", "messages in the stream", b | e},
    {"transport.nats.jetstream.max_bytes", "FRAISEQL_NATS_MAX_BYTES", integer(1, any_number), "10737418240",
     "jetstream.max_bytes must be > 0", "bytes in the stream", b | e},
    {"transport.nats.jetstream.ack_wait_secs", "FRAISEQL_NATS_ACK_WAIT_SECS", integer(1, day_s), "30",
     "jetstream.ack_wait_secs must be > 0", "seconds until a silent executor's message goes to another one", b | e},
    {"transport.nats.jetstream.max_deliver", "FRAISEQL_NATS_MAX_DELIVER", integer(1, 1'000'000), "3",
     "jetstream.max_deliver must be > 0", "deliveries before a message is tried alone", b | e},
    {"transport.nats.jetstream.replicas", "FRAISEQL_NATS_REPLICAS", integer(1, 5, replica_count), "1",
     "jetstream.replicas must be 1, 3 or 5", "copies in the cluster: 1, 3 or 5", b | e},
    {"transport.nats.jetstream.manage", "", flag(), "true", "",
     "false: never create or change stream and consumer, only check them", b | e},

    {"transport.bridge.transport_name", "FRAISEQL_BRIDGE_TRANSPORT_NAME", text(1, 255), "pg_to_nats",
     "bridge.transport_name cannot be empty", "name of the checkpoint, and of this source in the stream", b},
    {"transport.bridge.batch_size", "FRAISEQL_BRIDGE_BATCH_SIZE", integer(1, 10'000), "100",
     "bridge.batch_size must be between 1 and 10000", "rows per read; also of an executor with transport `postgres`, as the next three", b | e},
    {"transport.bridge.poll_interval_secs", "FRAISEQL_BRIDGE_POLL_INTERVAL_SECS", integer(1, day_s), "1",
     "bridge.poll_interval_secs must be > 0", "longest pause while the log is quiet", b | e},
    {"transport.bridge.notify_channel", "FRAISEQL_BRIDGE_NOTIFY_CHANNEL", text(0, 63), "fraiseql_events",
     "", "channel to LISTEN on; empty: poll only", b | e},
    {"transport.bridge.start_from", "", choice("beginning, now"), "beginning", "", "where the first run begins", b | e},
    {"transport.bridge.chain", "", choice("auto, on, off"), "auto", "", "on: one answer for many messages, sound only while nobody else publishes into the stream; auto and off: an answer for each", b},
    {"transport.bridge.max_in_flight", "", integer(1, 1'000'000), "4096", "bridge.max_in_flight must be between 1 and 1000000",
     "messages published and not yet known to be stored; besides, 16 MiB", b},

    {"health.listen", "FRAISEQL_HEALTH_LISTEN", text(1, 255, host_and_port), "127.0.0.1:8080", "health.listen cannot be empty",
     "host:port of /health and /metrics", h},
    {"health.status_endpoint", "FRAISEQL_STATUS_ENDPOINT", text(1, 4096, status_endpoints), "tcp://127.0.0.1:5560",
     "health.status_endpoint cannot be empty", "ZeroMQ, tcp:// or ipc://; healthd binds the first, reporters connect to all of a comma separated list",
     b | e | h},
    {"health.status_curve_public_key", "FRAISEQL_STATUS_CURVE_PUBLIC_KEY", text(1, 255), "", "", "CURVE: own public key", b | e | h, later},
    {"health.status_curve_secret_key", "FRAISEQL_STATUS_CURVE_SECRET_KEY", text(1, 255), "", "", "CURVE: own secret key", b | e | h, later},
    {"health.status_curve_server_key", "FRAISEQL_STATUS_CURVE_SERVER_KEY", text(1, 255), "", "", "CURVE: healthd's public key", b | e | h, later},
    {"health.status_allow_insecure", "FRAISEQL_STATUS_ALLOW_INSECURE", flag(), "false", "",
     "let reports leave the machine in clear text", b | e | h},
    {"health.stale_after_secs", "", integer(1, 3'600), "5", "health.stale_after_secs must be between 1 and 3600",
     "a process silent for longer is missing", b | e | h},
    {"health.expect_bridges", "", integer(0, 10'000), "", "health.expect_bridges must be between 0 and 10000",
     "fewer is `degraded`; not set: 1 with run_bridge, else 0", h},
    {"health.expect_executors", "", integer(0, 10'000), "", "health.expect_executors must be between 0 and 10000",
     "fewer is `degraded`; not set: 1 with run_executors, else 0", h},

    {"executor.max_concurrency", "FRAISEQL_MAX_CONCURRENCY", integer(1, 10'000), "50", "executor.max_concurrency must be between 1 and 10000",
     "actions in flight per process", e},
    {"executor.max_per_host", "", integer(1, 10'000), "", "executor.max_per_host must be between 1 and 10000",
     "actions in flight against one host; not set: a quarter of max_concurrency, at least 1", e},
    {"executor.channel_capacity", "", integer(1, 1'000'000), "1000", "executor.channel_capacity must be between 1 and 1000000",
     "events held per process", e},
    {"executor.shutdown_timeout", "", duration(1, hour_ms), "30s", "executor.shutdown_timeout must be between 1ms and 1h",
     "time to finish on SIGTERM: 500ms, 30s, 2m", e},

    {"security.allow_networks", "FRAISEQL_ALLOW_NETWORKS", list(network), "", "", "networks (CIDR) that webhooks may reach although private", e},
};

constexpr Key app_file_keys[] = {
    {"observers.backend", "", choice("postgres, postgresql, nats, in_memory, in-memory"), "", "", "used when `[transport] transport` is not set",
     b | e | h},
    {"observers.nats_url", "", text(0, 8192, nats_urls), "", "", "used when `[transport.nats] url` is not set", b | e | h},
    {"observers.max_dlq_size", "", integer(1, any_number), "", "max_dlq_size must be greater than zero",
     "most dead letters kept; not set: unlimited", b | e},
    {"database.url", "DATABASE_URL", text(1, 8192, postgres_url), "", "database.url cannot be empty", "libpq's URL or keywords", b | e},
};

constexpr Key observers_keys[] = {
    {"observers.name", "", text(1, 255), "", "observers.name cannot be empty", "unique; not set: observer-<n>", e},
    {"observers.entity", "", text(1, 255), "*", "observers.entity cannot be empty", "`*`: every entity", e},
    {"observers.event_type", "", choice("INSERT, UPDATE, DELETE, CUSTOM, *"), "*", "", "`*`: all", e},
    {"observers.condition", "", text(0, 4096, nullptr), "", "", "when to act; not set: always; docs/conditions.md", e},
    {"observers.on_failure", "", choice("dlq, log, alert"), "dlq", "", "what becomes of an action that cannot succeed", e},
    {"observers.enabled", "", flag(), "true", "", "false: checked, not run", e},
    {"observers.actions.type", "", text(1, 64), "", "", "`webhook` or `log`; `slack`, `email`, `database`, `nats`, `cache`: not supported yet", e},
    {"observers.actions.url", "", text(1, any_number, webhook_url), "", "actions.url cannot be empty", "webhook: http:// or https://", e},
    {"observers.actions.url_env", "", text(1, 255), "", "actions.url_env cannot be empty", "webhook: variable that holds the URL, instead of `url`", e},
    {"observers.actions.method", "", text(1, 255, http_method), "POST", "", "webhook: GET, POST, PUT, PATCH or DELETE", e},
    {"observers.actions.headers", "", {Type::pairs}, "", "", "webhook: request headers beside ours", e},
    {"observers.actions.timeout_secs", "", integer(1, 3'600), "30", "actions.timeout_secs must be between 1 and 3600", "webhook: for one try", e},
    {"observers.actions.level", "", choice("debug, info, warn, error"), "info", "", "log: level of the line", e},
    {"observers.actions.body_template", "", text(0, any_number), "", "", "webhook: body instead of the payload", e, later},
    {"observers.actions.signing_secret_env", "", text(0, 255), "", "", "webhook: variable that holds the secret", e, later},
    {"observers.actions.message_template", "", text(0, any_number), "", "", "log: the line", e, later},
    {"observers.retry.max_attempts", "", integer(1, 1'000), "3", "retry.max_attempts must be between 1 and 1000", "counts the first try", e},
    {"observers.retry.backoff_strategy", "", choice("exponential, linear, fixed"), "exponential", "", "how pauses grow", e},
    {"observers.retry.initial_delay_ms", "", integer(1, 86'400'000), "100", "retry.initial_delay_ms must be between 1 and 86400000",
     "pause before the second try", e},
    {"observers.retry.max_delay_ms", "", integer(1, 86'400'000), "30000", "retry.max_delay_ms must be between 1 and 86400000", "longest pause", e},
};
// clang-format on

struct Move {
  std::string_view from, to;
};
constexpr Move moves[] = {
    {"performance.max_concurrency", "executor.max_concurrency"},
    {"transport.bridge.max_concurrency", "executor.max_concurrency"},
    {"max_concurrency", "executor.max_concurrency"},
    {"performance.channel_capacity", "executor.channel_capacity"},
    {"transport.bridge.channel_capacity", "executor.channel_capacity"},
    {"channel_capacity", "executor.channel_capacity"},
    {"performance.shutdown_timeout", "executor.shutdown_timeout"},
    {"transport.bridge.shutdown_timeout", "executor.shutdown_timeout"},
    {"shutdown_timeout", "executor.shutdown_timeout"},
};

bool is_below(std::string_view name, std::string_view table) {
  return name.size() > table.size() && name.starts_with(table) && name[table.size()] == '.';
}

std::size_t edit_distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  for (std::size_t j = 0; j <= other.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const std::size_t changed = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') == name.npos ? 0 : name.rfind('.') + 1); }

/// A slip of the pen in the last part weighs most; a right name in a wrong table comes next.
std::size_t distance(std::string_view unknown, std::string_view known) {
  const std::size_t tail = edit_distance(last_part(unknown), last_part(known));
  const std::size_t head = edit_distance(unknown.substr(0, unknown.size() - last_part(unknown).size()),
                                         known.substr(0, known.size() - last_part(known).size()));
  return tail * 4 + std::min<std::size_t>(head, 8);
}

}  // namespace

std::span<const Key> keys(Home home) {
  if (home == Home::app_file) return app_file_keys;
  if (home == Home::observers) return observers_keys;
  return observer_file_keys;
}

const Key* find_key(Home home, std::string_view name) {
  for (const Key& key : keys(home))
    if (key.name == name) return &key;
  return nullptr;
}

bool is_table(Home home, std::string_view name) {
  return std::ranges::any_of(keys(home), [&](const Key& key) { return is_below(key.name, name); });
}

std::string_view moved_to(std::string_view name) {
  for (const Move& move : moves)
    if (move.from == name) return move.to;
  return {};
}

bool is_moved_table(std::string_view name) {
  return std::ranges::any_of(moves, [&](const Move& move) { return is_below(move.from, name); });
}

std::string nearest(Home home, std::string_view unknown, bool table) {
  // Compared only, so a shortened one will do: a name may be as long as a line.
  unknown = unknown.substr(0, 200);
  std::string_view best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  const auto consider = [&](std::string_view known) {
    const std::size_t found = distance(unknown, known);
    if (found >= best_distance) return;
    best = known;
    best_distance = found;
  };
  if (table && home == Home::observer_file) consider("observers");
  for (const Key& key : keys(home)) {
    if (!table) consider(key.name);
    for (auto dot = key.name.find('.'); table && dot != key.name.npos; dot = key.name.find('.', dot + 1))
      consider(key.name.substr(0, dot));
  }
  return std::string(best);
}

std::string short_name(std::string_view name) {
  const auto last = name.rfind('.');
  if (last == name.npos || last == 0) return std::string(name);
  const auto before = name.rfind('.', last - 1);
  return std::string(before == name.npos ? name : name.substr(before + 1));
}

}  // namespace fraiseql::config
