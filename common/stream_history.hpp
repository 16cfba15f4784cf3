#pragma once

#include <optional>
#include <vector>

#include "common/change_log.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql {

/// The first of `entries` (of `log`, the newest first) with a cursor of at most `up_to_pk` whose message stands in the stream
/// where it stood; nullopt: none. So the stream has lost nothing that was published before it. Throws Unavailable.
std::optional<HistoryEntry> newest_standing(ChangeLog& log, const std::vector<HistoryEntry>& entries, std::int64_t up_to_pk,
                                            const nats::Link& link, const std::string& stream, const nats::StreamInfo& info);

}  // namespace fraiseql
