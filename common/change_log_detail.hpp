#pragma once

#include <optional>
#include <string>

#include "common/change_log.hpp"
#include "common/errors.hpp"

/// What the source files of ChangeLog share. For them only.
namespace fraiseql::change_log {

inline constexpr const char* nothing_seen = "1:1:";  // the snapshot before every transaction

/// Runs `work`; what the server refuses ends the session with its words. It may pass (a revoked right comes back), so the
/// next session tries again after a pause.
template <class Work>
auto translated(const char* doing, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const SqlError& e) {
    throw DatabaseUnavailable(std::string(doing) + ": " + e.what() + " (SQLSTATE " + e.sqlstate + ")");
  }
}

inline std::optional<std::string> null_if_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

/// Of the checkpoint and of its history, for checkpoint_in().
inline constexpr const char* checkpoint_columns =
    "last_pk, snapshot::text, window_snapshot::text, coalesce(window_pk, 0), coalesce(epoch, 0), coalesce(stream_seq, 0), "
    "stream_msg_id, coalesce(system_identifier, 0), CASE WHEN stream_seq > 0 THEN coalesce(tail_seq, stream_seq) ELSE 0 END";
inline constexpr int checkpoint_column_count = 9;
Checkpoint checkpoint_in(const Rows& rows, int row);

}  // namespace fraiseql::change_log
