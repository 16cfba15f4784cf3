#pragma once

#include "executor/session_parts.hpp"

namespace fraiseql {

/// Connects, takes and settles messages until a stop is requested. Survives the loss of its connection: what is in flight
/// goes on, and acks follow. Throws Unavailable when the connection cannot be made or is closed for good, ConfigError when
/// a person has to act.
void run_session(const SessionParts& parts);

/// For --check: says on standard output what is missing or wrong, a line each; true when nothing is.
bool check_needs(const ExecutorConfig& config);

}  // namespace fraiseql
