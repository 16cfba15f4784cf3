#pragma once

#include "healthd/health.hpp"
#include "healthd/http_server.hpp"

namespace fraiseql {

/// Which path is answered by what.
Response route(const Request& request, Health& health);

}  // namespace fraiseql
