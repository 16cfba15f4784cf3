#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "executor/delivery.hpp"
#include "executor/outcome.hpp"

namespace fraiseql {

/// A message for the dead letter stream.
struct Letter {
  std::string subject;
  Headers headers;
  std::string payload;
};

/// Why a message is a dead letter.
struct Cause {
  std::string_view reason;     ///< action_failed, undecodable, max_deliveries
  std::string observer;        ///< empty: the message as a whole
  std::size_t action = 0;      ///< counted from 1; 0: the message as a whole
  std::uint64_t attempts = 0;  ///< tries of the action, or deliveries
  std::string error;
  int http_status = 0;  ///< 0: none
};

/// The letter for `message`: its own bytes, our headers, and its own headers except those that JetStream would obey.
/// A letter over `max_payload` bytes goes without headers of others, and then without the payload, which it says. Pure.
Letter make_letter(const StoredMessage& message, const Cause& cause, std::string_view subject_prefix, std::string_view dlq_prefix,
                   std::int64_t max_payload, std::chrono::system_clock::time_point now);

}  // namespace fraiseql
