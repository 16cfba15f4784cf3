#pragma once

#include <string>

#include "healthd/answer.hpp"
#include "healthd/board.hpp"
#include "healthd/totals.hpp"

namespace fraiseql {

/// The text of GET /metrics (Prometheus' format 0.0.4). Every metric is there from the beginning, with HELP and TYPE;
/// gauges have a value while a process reports one.
std::string exposition(const Totals& totals, const Board& board, const Dropped& dropped, Board::Time now);

}  // namespace fraiseql
