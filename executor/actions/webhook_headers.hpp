#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "executor/delivery.hpp"

namespace fraiseql {

/// What a message is called in requests, dead letters and the bucket: its Nats-Msg-Id, or for a message without one the
/// place and time it has in the stream.
std::string event_id(const StoredMessage& message);

/// Our own header lines of one try of a webhook, Content-Type and signatures apart. Pure. `attempt` counts from 1.
std::vector<std::string> webhook_headers(const std::string& observer, const StoredMessage& message, unsigned attempt,
                                         std::int64_t unix_seconds);

/// A header as libcurl takes it, blank values too; control bytes of the value percent-encoded.
std::string header_line(std::string_view name, std::string_view value);

}  // namespace fraiseql
