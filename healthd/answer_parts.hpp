#pragma once

#include "healthd/answer.hpp"
#include "healthd/json.hpp"

// What the answers of /health?verbose and /status.json have in common; each writes members of an open object.
namespace fraiseql {

const char* word(Level level);
double age(Board::Time then, Board::Time now);  ///< seconds

void write_head(json::Writer& json, const Verdict& verdict, const HealthConfig& config);
void write_reasons(json::Writer& json, const Verdict& verdict);
void write_waiting(json::Writer& json, const Board& board, Board::Time now);  ///< lag and backlog
void write_component(json::Writer& json, const Board::Entry& entry, bool up, Board::Time now);
void write_past(json::Writer& json, const Board& board, const Dropped& dropped, Board::Time now);

}  // namespace fraiseql
