#pragma once

#include <iosfwd>

#include "common/config.hpp"

namespace fraiseql {

/// `fraiseql check`: the configuration, then what each program that it asks for says of its own needs. Prints a
/// paragraph each (or one JSON object) and returns 0, 1 when a program found something, 78 when one refuses its
/// configuration. Throws ConfigError for a configuration that is not right.
int check(const Sources& sources, bool as_json, std::ostream& out);

}  // namespace fraiseql
