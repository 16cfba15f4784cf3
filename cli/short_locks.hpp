#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "common/postgres.hpp"

namespace fraiseql {

// Every writer queues behind one who waits for a stronger lock, and a transaction may wait for two locks one after the other
// (the table's, then a view's): half a second each keeps a writer's wait well below two seconds.
inline constexpr std::chrono::milliseconds lock_wait{500};

/// For this transaction only: waits for locks as long as that, ends with its session when its client is frozen for 5 s and so does
/// not keep them, and says nothing of objects that are not there.
std::string short_lock_settings();

/// Runs `body` in a transaction, after short_lock_settings(), until it gets its locks: again and again with longer and longer
/// pauses, in which those who queued behind it go first. Says on standard error that it waits, as "<who>: <what> is locked ...".
/// Throws Unavailable when that has taken five minutes; other errors of `body` pass through.
void with_short_locks(Postgres& postgres, const std::string& who, const std::string& what, const std::function<void()>& body);

}  // namespace fraiseql
