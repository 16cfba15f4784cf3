#pragma once

#include <memory>

#include "common/config.hpp"

namespace fraiseql {

class AddressPolicy;
class Observers;
class StopSignal;

/// Takes events as JSON lines from standard input, acts on them, and says at the end on standard output what came of it.
/// Returns the exit code: 1 when a line was no event, an action failed for good, or some were not finished in time.
int run_in_memory(const ExecutorConfig& config, std::shared_ptr<const Observers> observers, const AddressPolicy& addresses,
                  StopSignal& stop);

/// The same without acting: says on standard output what each action would do, a line each.
int run_dry(const Observers& observers, StopSignal& stop);

}  // namespace fraiseql
