#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Times as JetStream's API writes and reads them. Pure.
namespace fraiseql::nats {

std::string rfc3339(std::int64_t unix_ns);              ///< of Unix time in ns: in UTC, nine digits of fraction
std::int64_t unix_ns(std::string_view rfc3339_in_utc);  ///< Unix time in ns; 0 when it is none

}  // namespace fraiseql::nats
