#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/nats/link.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql::nats {

/// The header block of the message that the stream holds at `seq`; nullopt: none there. Throws Unavailable.
std::optional<std::string> stored_headers(const Link& link, const std::string& stream, std::uint64_t seq);

/// The value of a header in a block "NATS/1.0\r\nName: value\r\n...". Pure; empty when it is not there.
std::string_view header_value(std::string_view block, std::string_view name);

/// Whether the stream holds the message with this id at `seq`. Throws Unavailable.
bool holds(const Link& link, const std::string& stream, std::uint64_t seq, std::string_view id);

/// Whether the stream has lost the message with this id that it once held at `seq`. It has not when that has gone on purpose:
/// at the stream's lower end, by a purge, or alone from between others. Throws Unavailable.
bool has_lost(const Link& link, const std::string& stream, const StreamInfo& info, std::uint64_t seq, std::string_view id);

}  // namespace fraiseql::nats
