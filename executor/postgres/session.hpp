#pragma once

#include "executor/session_parts.hpp"

namespace fraiseql {

/// Reads the change log itself and settles its changes until a stop is requested; of several processes with one
/// consumer_name one does so at a time, the others stand by. Survives the loss of PostgreSQL: what is in flight goes on,
/// and what it came to is saved afterwards. Throws ConfigError when a person has to act; Unavailable only when an action
/// needs NATS and it cannot be reached at the start.
void run_postgres_session(const SessionParts& parts);

/// For --check: says on standard output what is missing or wrong, a line each; true when nothing is.
bool check_postgres(const ExecutorConfig& config);

}  // namespace fraiseql
