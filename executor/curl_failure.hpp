#pragma once

#include <string_view>

#include "executor/outcome.hpp"

namespace fraiseql {

/// What a CURLcode other than CURLE_OK means. `detail`: libcurl's own words for it.
Failure failure_of_curl(int code, std::string_view detail);

}  // namespace fraiseql
