#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/nats/link.hpp"
#include "executor/delivery.hpp"
#include "tests/support/http.hpp"
#include "tests/support/servers.hpp"
#include "tests/support/webhook_receiver.hpp"

namespace fraiseql::test {

/// A stream of its own as a bridge would have made it, a receiver for webhooks, and executors as real processes.
class ExecutorFixture {
 public:
  /// `url`: how the tests and executors log in to `server`; empty: as nobody in particular.
  explicit ExecutorFixture(NatsServer& server = nats_server(), const std::string& url = "");

  struct Event {
    std::string id = "";  ///< empty: a fresh one
    std::string entity = "Order";
    std::string operation = "INSERT";
    std::string entity_id = "";  ///< empty: the event has none
    std::string data = "{\"n\":1}";
  };
  /// Publishes an event as the bridge does, and waits until it is stored. Returns its id.
  std::string publish(Event event);
  std::string publish() { return publish(Event{}); }
  /// Publishes any bytes under a subject of the stream.
  void publish_raw(const std::string& subject, const Headers& headers, const std::string& payload);

  /// Publishes many events, each of an entity of its own, as fast as the server stores them. `payload`: bytes of each event's
  /// JSON, 200 at least.
  void fill(long events, std::size_t payload = 200);

  /// The settings of an executor. What a test changes, it changes before `start`.
  struct Config {
    int ack_wait_secs = 30;
    int max_deliver = 3;
    int max_concurrency = 20;
    int max_per_host = 20;
    int channel_capacity = 1000;
    std::string shutdown_timeout = "10s";
    std::string allow_networks = "[\"127.0.0.0/8\"]";
    std::string max_dlq_size;  ///< empty: unlimited
    bool manage = true;
    std::string nats_url;      ///< of the executors
    std::string observers;     ///< the [[observers]] tables
  } config;

  /// Text of one [[observers]] table with one webhook action, tried up to three times with short pauses.
  std::string webhook(const std::string& name, const std::string& url, const std::string& entity = "*",
                      const std::string& action = "",
                      const std::string& retry = "max_attempts = 3\ninitial_delay_ms = 20\n") const;
  Child start();                       ///< an executor; returns at once
  void rewrite();                      ///< `config` into the file of the executor started last: for a SIGHUP
  std::vector<std::string> command();  ///< the same, not started
  std::string status_endpoint() const;  ///< where the executors report to
  void create_stream();
  void delete_stream();
  void delete_consumer();

  nats::ApiAnswer api(const std::string& subject, const std::string& json = "{}");
  std::uint64_t number(const std::string& subject, const std::vector<std::string>& path);  ///< a number in the answer's JSON
  std::uint64_t messages(const std::string& of_stream);                                    ///< 0 when there is none
  std::uint64_t unsettled();             ///< waiting and unacknowledged; 2^64-1 when there is no consumer
  bool settled(std::uint64_t stored);    ///< everything is, and so much was delivered
  std::vector<StoredMessage> letters();  ///< in the dead letter stream
  bool consumer_exists();

  /// A healthd that the executors of this fixture report to; those that start after it are counted in full.
  void start_healthd();
  HttpAnswer health() const { return http_get(health_port_, "/health?verbose"); }
  bool health_has(const std::string& words) const { return health().body.find(words) != std::string::npos; }
  /// The series of /metrics: name with labels, as printed, to value.
  std::map<std::string, double> metrics() const;

  std::string stream, prefix, consumer, dlq_prefix;
  WebhookReceiver receiver;

 private:
  std::string observer_text() const;

  TempDir directory_;
  std::string observer_file_;  // of the last command
  std::unique_ptr<nats::Link> link_;
  int health_port_ = free_port();
  std::optional<Child> healthd_;
};

}  // namespace fraiseql::test
