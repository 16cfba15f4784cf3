#pragma once

#include "common/letter_retry.hpp"

namespace fraiseql {

class AddressPolicy;
class Observers;
struct ExecutorConfig;

/// `executor --retry`: runs what failed once more, from the letter alone. Of `action_failed` the one action, of
/// `max_deliveries` every action that is not known done; an action gets all the tries of its observer's policy again. A
/// letter goes when its retry has succeeded, and stays as it is when not. Returns the exit code; throws Unavailable, and
/// ConfigError when a person has to act. For the transports nats and postgres.
int retry_dead_letters(const ExecutorConfig& config, const Observers& observers, const AddressPolicy& addresses,
                       const RetryRequest& request, StopSignal& stop);

}  // namespace fraiseql
