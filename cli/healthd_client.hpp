#pragma once

#include <string>

#include "common/result.hpp"

namespace fraiseql {

/// /status.json of the healthd at `address` (host:port; of an address to listen on that means all, this machine), within three
/// seconds. An Error: nobody answers there, or somebody else does.
Result<std::string> ask_healthd(const std::string& address);

}  // namespace fraiseql
