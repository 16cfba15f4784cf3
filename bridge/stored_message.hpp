#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/nats/link.hpp"

namespace fraiseql {

/// The header block of the message that the stream holds at `seq`; nullopt: none there. Throws Unavailable.
std::optional<std::string> stored_headers(const nats::Link& link, const std::string& stream, std::uint64_t seq);

/// The value of a header in a block "NATS/1.0\r\nName: value\r\n...". Pure; empty when it is not there.
std::string_view header_value(std::string_view block, std::string_view name);

}  // namespace fraiseql
