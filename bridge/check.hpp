#pragma once

#include "common/config.hpp"

namespace fraiseql {

/// Looks at all that a bridge needs, changes nothing, and says on standard output what it found, a line each. Returns 0
/// when a bridge would run, else 1. Throws nothing but what a bug throws.
int check_bridge(const BridgeConfig& config);

}  // namespace fraiseql
