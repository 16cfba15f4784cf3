#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace fraiseql {

/// A PostgreSQL snapshot: which transactions had ended when it was taken. Read from the text of type pg_snapshot,
/// "xmin:xmax:xip,xip,...". Pure.
struct Snapshot {
  std::uint64_t xmin = 0;           ///< every transaction below it had ended
  std::uint64_t xmax = 0;           ///< none from it on had
  std::vector<std::uint64_t> xips;  ///< still running, between the two; ascending

  /// Whether `xid` had ended when the snapshot was taken (pg_visible_in_snapshot).
  bool sees(std::uint64_t xid) const;
};

/// None when `text` is not a snapshot.
std::optional<Snapshot> parse_snapshot(std::string_view text);

/// The transactions that were running in `before` and have ended in `after`: their rows may have low pks.
std::vector<std::uint64_t> ended_between(const Snapshot& before, const Snapshot& after);

}  // namespace fraiseql
