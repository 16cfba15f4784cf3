#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/letter_filter.hpp"
#include "common/nats/link.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql::nats {

/// A letter as the dead letter stream holds it.
struct StoredLetter {
  std::uint64_t number = 0;       ///< its sequence in the dead letter stream, by which people name it
  std::int64_t stored_at_ns = 0;  ///< Unix time at which the server took it
  std::string subject;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload;  ///< empty in a listing

  std::string_view header(std::string_view name) const;  ///< empty when there is none
  /// The same, less the escape that keeps a value with "nats-" in it from the server's eye.
  std::string text(std::string_view name) const;
};

/// What operators and retries do with the dead letter stream of a configuration. Never makes or changes the stream. Every
/// call throws Unavailable when JetStream does not answer.
class DeadLetterStream {
 public:
  /// Keeps both by reference.
  DeadLetterStream(const Link& link, const NatsConfig& config) : link_(link), config_(config) {}

  std::string name() const { return config_.stream_name + "_dlq"; }
  std::optional<StreamInfo> info() const { return stream_info(link_, name()); }

  /// The whole letter; nullopt when there is none of that number.
  std::optional<StoredLetter> get(std::uint64_t number) const;
  /// False when there is none of that number.
  bool remove(std::uint64_t number) const;

  /// Calls `visit` for each letter that the filter lets through, in order, without payload, until it returns false. Holds
  /// one batch of headers in memory. What is stored meanwhile is not visited. Throws ConfigError for a time that the server
  /// does not read.
  void each(const LetterFilter& filter, const std::function<bool(const StoredLetter&)>& visit) const;

  /// The entity's token of a letter's subject, decoded: `_` when it had none that fits; the operation behind it.
  std::string entity_of(const StoredLetter& letter) const;
  std::string operation_of(const StoredLetter& letter) const;

 private:
  const Link& link_;
  const NatsConfig& config_;
};

}  // namespace fraiseql::nats
