#pragma once

#include <iosfwd>

namespace fraiseql {

struct HealthConfig;

/// `healthd --check`: whether both addresses can be had, a line each. Binds TCP ports for a moment, leaves nothing
/// behind. True: healthd would start, or runs here already.
bool check_health(const HealthConfig& config, std::ostream& out);

}  // namespace fraiseql
