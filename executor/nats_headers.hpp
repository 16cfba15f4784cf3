#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "executor/delivery.hpp"

// Headers of messages that we publish. Pure.
namespace fraiseql {

/// A value without what the server would misread: line breaks, and the text Nats- in any case.
std::string safe_header_value(std::string_view value);

/// Whether a message made from another one must not have this header of it: every Nats-* steers the server.
bool steers_server(std::string_view name);

std::size_t bytes_of(const Headers& headers);  ///< in the message, as max_payload counts them

}  // namespace fraiseql
