#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "common/nats/link.hpp"
#include "executor/delivery.hpp"

namespace fraiseql {

/// Up to where everything in the stream is settled, of which consumer of which stream, and when that was so.
struct Floor {
  std::uint64_t seq = 0;
  std::string stream_created, consumer_created;
  std::int64_t seen_at_ns = 0;  ///< Unix time
};

struct ConsumerState {
  std::string created;
  std::uint64_t pending = 0;              ///< not delivered yet
  std::uint64_t ack_pending = 0;          ///< delivered, and not settled
  std::uint64_t ack_floor = 0;            ///< stream sequence
  /// The highest floor that this consumer is known to have had: a server may forget acknowledgements, all of them even.
  std::uint64_t settled_up_to = 0;
  std::chrono::milliseconds ack_wait{0};  ///< in force
  bool stream_empty = false;
  std::vector<std::string> drift;  ///< differences from the configuration that stay
};

/// Whether two answers tell of the same consumer, by its time of creation. Servers of 2.9 tell another one after their first
/// restart, off by the time that storing it took.
bool same_consumer(const std::string& created, const std::string& now);

/// What the executors need in JetStream besides the stream: their consumer, the dead letter stream, the bucket and the
/// stream of advisories. Every call blocks up to five seconds and throws Unavailable when JetStream does not answer, and
/// ConfigError when a person has to act. Used from one thread at a time.
class Broker {
 public:
  Broker(const nats::Link& link, const NatsConfig& config);

  /// Dead letter stream, bucket, advisories and their consumer: made when missing. Returns what differs.
  std::vector<std::string> ensure_own();
  /// The consumer of the stream, made anew from the last floor when it is gone; nullopt when there is no stream.
  std::optional<ConsumerState> ensure_consumer();
  /// The consumer as it is now; nullopt when it or its stream is gone.
  std::optional<ConsumerState> look();
  std::uint64_t dead_letters();  ///< in the stream; 0 when there is none
  void save_floor();             ///< of the last look, into the bucket, when it has moved

  std::optional<StoredMessage> fetch(std::uint64_t stream_seq);
  std::optional<StoredMessage> bucket_get(const std::string& key);  ///< nullopt: none, or deleted
  void bucket_put(const std::string& key, const std::string& value);
  void bucket_delete(const std::string& key);

  /// For --check: reads only. What is missing or wrong, a line each.
  std::vector<std::string> complaints();

  static std::string letters_stream(const NatsConfig& config) { return config.stream_name + "_dlq"; }
  static std::string advisories_stream(const NatsConfig& config) { return config.stream_name + "_advisories"; }
  static std::string bucket(const NatsConfig& config) { return config.stream_name + "_progress"; }

 private:
  void publish(const std::string& subject, const Headers& headers, const std::string& value);
  std::optional<ConsumerState> info(const std::string& stream, const std::string& consumer, std::string* config_json = nullptr);
  void create_consumer(const std::string& stream_created, std::uint64_t last_seq);
  std::vector<std::string> reconcile(const std::string& config_json);
  bool holds(const Floor& floor, const std::string& stream_created, std::uint64_t last_seq);
  std::optional<Floor> kept_floor();

  const nats::Link& link_;
  const NatsConfig& config_;
  Floor floor_;
  std::uint64_t saved_ = 0;  // of floor_, in the bucket
};

}  // namespace fraiseql
