#pragma once

#include <optional>
#include <string>

namespace fraiseql {

/// A time that names its zone, 2024-01-15T10:30:00[.123](Z|+01:00), with T and Z in upper case; nullopt: it is none. Pure.
std::optional<std::string> rfc3339_time(std::string text);

}  // namespace fraiseql
