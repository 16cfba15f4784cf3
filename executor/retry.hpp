#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "common/config.hpp"
#include "executor/outcome.hpp"

namespace fraiseql {

/// Whether another try could bring another answer: network errors, timeouts, an open circuit, 408, 429 and 5xx, and what a
/// mail server or PostgreSQL refused for now.
bool worth_retrying(const Outcome& outcome);

/// Pause before the next try of an action; nullopt once it has used up its tries.
///
/// `attempt` counts the tries of this action from 1. `jitter` in [0, 1] is drawn by the caller and shortens an
/// exponential pause by up to a quarter, so that executors do not return in step.
std::optional<std::chrono::milliseconds> next_delay(const RetryPolicy& policy, unsigned attempt, double jitter);

/// The same after `outcome`: nullopt when it is final, and never earlier than the other side asked for, unless that is
/// beyond the policy's longest pause.
std::optional<std::chrono::milliseconds> pause_after(const RetryPolicy& policy, unsigned attempt, const Outcome& outcome,
                                                     double jitter);

/// The pause that a Retry-After header asks for, given in seconds or as an HTTP date; nullopt when it says neither.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value, std::chrono::system_clock::time_point now);

}  // namespace fraiseql
