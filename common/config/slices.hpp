#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/observer.hpp"

namespace fraiseql {

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
  bool manage;                               ///< false: never create or change stream and consumer, only check them
  std::optional<std::int64_t> max_dlq_size;  ///< letters; none: unlimited
};

enum class Chain { automatic, on, off };

/// Where reports go and where /health is.
struct HealthConfig {
  std::string listen;                         ///< host:port
  std::vector<std::string> status_endpoints;  ///< ZeroMQ; healthd binds the first, reporters connect to all
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
  int batch_size;              ///< rows per read
  milliseconds poll_interval;  ///< longest pause while the log is quiet
  std::string notify_channel;  ///< empty: poll only
  bool start_from_now;         ///< first run only; false: from the beginning
  Chain chain;
  int max_in_flight;  ///< messages published and not yet known to be stored
};

enum class Transport { nats, postgres, in_memory };

/// How an executor reads the change log without a broker: the keys of the bridge, which does so with one.
struct ChangeLogConfig {
  std::string database_url;
  std::string transport_name;  ///< names its checkpoint: the consumer's name
  int batch_size;              ///< rows per read
  milliseconds poll_interval;  ///< longest pause while the log is quiet
  std::string notify_channel;  ///< empty: poll only
  bool start_from_now;         ///< first run only; false: from the beginning
};

/// All that an executor can be told.
struct ExecutorConfig {
  Transport transport;
  NatsConfig nats;             ///< with transport nats; `max_dlq_size` and `consumer_name` with every one
  ChangeLogConfig change_log;  ///< with transport postgres; its database is empty otherwise
  HealthConfig health;
  int max_concurrency;   ///< actions in flight per process
  int max_per_host;      ///< actions in flight against one host
  int channel_capacity;  ///< events held per process
  milliseconds shutdown_timeout;
  std::vector<std::string> allow_networks;  ///< CIDRs that webhooks may reach although private
  std::vector<ObserverConfig> observers;
  ActionSettings actions;
};

}  // namespace fraiseql
