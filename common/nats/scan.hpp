#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/nats/link.hpp"

namespace fraiseql::nats {

/// Where a scan begins and what it takes in.
struct ScanRange {
  std::string subject;          ///< may hold wildcards; empty: every message
  std::uint64_t after_seq = 0;  ///< not looked at with a time
  std::string from_time;        ///< RFC 3339: what was stored then or later; empty: by sequence
  int batch = 500;              ///< messages that are asked for at once, and held
};

/// A message as a scan meets it, without its payload. Valid during the call.
struct Scanned {
  std::uint64_t seq;
  std::int64_t stored_at_ns;  ///< Unix time
  const char* subject;
  natsMsg* raw;
  std::string_view header(const char* name) const;  ///< empty when there is none
};

/// Reads the headers of a stream's messages in order, by an ephemeral consumer in memory that is gone afterwards, until
/// `visit` returns false or there are no more. Holds one batch of them. Throws Unavailable, and ConfigError for a time that
/// the server does not read.
void scan(const Link& link, const std::string& stream, const ScanRange& range, const std::function<bool(const Scanned&)>& visit);

}  // namespace fraiseql::nats
