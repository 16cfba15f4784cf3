#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fraiseql {

using std::chrono::milliseconds;

/// How to reach NATS and what is named there. Shared by bridge and executor.
struct NatsConfig {
  std::string url;  ///< comma separated list
  std::string user, password, token;
  std::string credentials_file, nkey_seed_file;
  std::string tls_ca, tls_cert, tls_key;
  std::string stream_name;
  std::string subject_prefix;
  std::string consumer_name;
  std::string dlq_subject_prefix;
  milliseconds duplicate_window;
  milliseconds max_age;
  std::int64_t max_msgs;
  std::int64_t max_bytes;
  milliseconds ack_wait;
  int max_deliver;
  int replicas;
  bool manage;                              ///< false: never create or change stream and consumer, only check them
  std::optional<std::int64_t> max_dlq_size; ///< letters; none: unlimited
};

enum class Chain { automatic, on, off };

/// Where reports go and where /health is.
struct HealthConfig {
  std::string listen;                        ///< host:port
  std::vector<std::string> status_endpoints; ///< ZeroMQ; healthd binds the first, reporters connect to all
  milliseconds stale_after;
  int expect_bridges;
  int expect_executors;
  std::string transport;
  std::string stream_name;
};

/// All that the bridge can be told.
struct BridgeConfig {
  std::string database_url;
  NatsConfig nats;
  HealthConfig health;
  std::string transport_name;
  int batch_size;               ///< rows per read
  milliseconds poll_interval;   ///< longest pause while the log is quiet
  std::string notify_channel;   ///< empty: poll only
  bool start_from_now;          ///< first run only; false: from the beginning
  Chain chain;
  int max_in_flight;            ///< messages published and not yet known to be stored
};

struct RetryPolicy {
  enum class Backoff { exponential, linear, fixed };
  int max_attempts = 3;  ///< counts the first try
  Backoff backoff = Backoff::exponential;
  milliseconds initial_delay{100};
  milliseconds max_delay{30000};
};

struct ActionConfig {
  std::string type;  ///< webhook, log
  std::string url;
  std::string method = "POST";
  std::vector<std::pair<std::string, std::string>> headers;
  milliseconds timeout{30000};
  std::string level = "info";  ///< of a log action
};

struct ObserverConfig {
  enum class OnFailure { dlq, log, alert };
  std::string name;
  std::string entity;      ///< "*": every entity
  std::string event_type;  ///< INSERT UPDATE DELETE CUSTOM, "*": all
  OnFailure on_failure = OnFailure::dlq;
  bool enabled = true;
  std::vector<ActionConfig> actions;
  RetryPolicy retry;
};

/// All that an executor can be told.
struct ExecutorConfig {
  NatsConfig nats;
  HealthConfig health;
  int max_concurrency;          ///< actions in flight per process
  int max_per_host;             ///< actions in flight against one host
  int channel_capacity;         ///< events held per process
  milliseconds shutdown_timeout;
  std::vector<std::string> allow_networks;  ///< CIDRs that webhooks may reach although private
  std::vector<ObserverConfig> observers;
};

/// Where settings come from. Empty paths: the default names in the working directory, which may be absent.
struct Sources {
  std::string observer_file;
  std::string app_file;
};

/// Every setting after both files, the environment and the defaults, each checked. Made by `load` only.
class Settings;

}  // namespace fraiseql
