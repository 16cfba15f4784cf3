#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.hpp"

namespace fraiseql {

/// What an ack subject says of a delivery.
struct Delivery {
  std::uint64_t deliveries = 0;  ///< of this message, this one included
  std::uint64_t stream_seq = 0;
  std::uint64_t consumer_seq = 0;
  std::int64_t stored_at_ns = 0;  ///< Unix time at which the stream took it
  std::uint64_t pending = 0;  ///< messages of the consumer that come after this one
};

/// Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>` and the longer form with
/// domain and account before the stream; nullopt for anything else.
std::optional<Delivery> parse_ack_subject(std::string_view subject);

/// Acknowledges a message that the consumer has given up, and of which no ack subject is at hand.
std::string made_up_ack(std::string_view stream, std::string_view consumer, std::uint64_t deliveries, std::uint64_t stream_seq);

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A message of the stream, on its own.
struct StoredMessage {
  std::string subject;
  Headers headers;
  std::string payload;
  std::uint64_t stream_seq = 0;
  std::int64_t stored_at_ns = 0;

  std::string_view header(std::string_view name) const;  ///< empty when there is none
};

/// The message in the answer of STREAM.MSG.GET. An Error when there is none.
Result<StoredMessage> parse_stored_message(std::string_view json);

/// JetStream's answer to a publish.
struct Stored {
  std::uint64_t seq = 0;  ///< 0: not stored, also when `code` is 0
  int code = 0;           ///< HTTP-like; 0: no error
  int err_code = 0;       ///< JetStream's own
  std::string description;
  bool duplicate = false;  ///< its id was known: it is what was stored at `seq` before
};
Stored parse_stored(std::string_view json);

}  // namespace fraiseql
