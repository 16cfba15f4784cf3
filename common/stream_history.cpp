#include "common/stream_history.hpp"

#include "common/nats/stored_message.hpp"

namespace fraiseql {

std::optional<HistoryEntry> newest_standing(ChangeLog& log, const std::vector<HistoryEntry>& entries, std::int64_t up_to_pk,
                                            const nats::Link& link, const std::string& stream, const nats::StreamInfo& info) {
  for (const HistoryEntry& entry : entries) {
    const auto seq = static_cast<std::uint64_t>(entry.checkpoint.stream_seq);
    if (entry.checkpoint.cursor > up_to_pk || seq < info.first_seq || seq > info.last_seq) continue;
    if (nats::holds(link, stream, seq, entry.checkpoint.stream_msg_id)) return entry;
    log.touch();  // a day of entries may take longer than the server lets a session be silent
  }
  return std::nullopt;
}

}  // namespace fraiseql
