#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "healthd/answer.hpp"
#include "healthd/flow.hpp"
#include "healthd/history.hpp"
#include "healthd/totals.hpp"

namespace fraiseql {

/// All that healthd knows, as of one moment.
struct Sight {
  Verdict verdict;
  const HealthConfig& config;
  const Board& board;
  const Dropped& dropped;
  const Totals& totals;
  const Flow& flow;
  const History& history;
  Board::Time now;
  std::int64_t started_at_ms, now_ms;  ///< healthd's start, and `now`, in Unix time
};

/// The JSON of GET /status.json, which docs/health.md describes: all of ?verbose, and what the page draws besides. `since`:
/// with the samples later than that.
std::string status_json(const Sight& sight, std::optional<std::int64_t> since);

}  // namespace fraiseql
