#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "healthd/board.hpp"

namespace fraiseql {

/// Reports that were not taken, by reason.
using Dropped = std::map<std::string, std::uint64_t>;

/// The JSON of GET /health, members in the documented order.
std::string health_json(const Verdict& verdict, const HealthConfig& config);
/// The same, with reasons, components, lag, backlog and past.
std::string verbose_json(const Verdict& verdict, const HealthConfig& config, const Board& board, const Dropped& dropped, Board::Time now);

}  // namespace fraiseql
