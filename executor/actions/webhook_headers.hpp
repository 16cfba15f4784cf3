#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/config.hpp"
#include "executor/delivery.hpp"

namespace fraiseql {

/// What a message is called in requests, dead letters and the bucket: its Nats-Msg-Id, or for a message without one the
/// place and time it has in the stream.
std::string event_id(const StoredMessage& message);

/// The header lines of one try of a webhook: ours, then those of the user that do not override ours. Pure.
/// `attempt` counts from 1.
std::vector<std::string> webhook_headers(const ActionConfig& action, const std::string& observer, const StoredMessage& message,
                                         unsigned attempt, std::chrono::system_clock::time_point now);

/// What is wrong with a header that a user wrote; empty when nothing is. A line break in it would be a header of its own.
std::string header_mistake(std::string_view name, std::string_view value);

}  // namespace fraiseql
