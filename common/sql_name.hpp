#pragma once

#include <string>
#include <string_view>

#include "common/result.hpp"

namespace fraiseql {

/// `name` or `schema.name` as in SQL, each part in double quotes: nothing but a name can stand there then. What has no quotes
/// of its own is folded to lower case as the server would. An Error for what is no such name, or has a part over 63 bytes,
/// which the server would cut off. Pure.
Result<std::string> quoted_name(std::string_view text);

/// A text as an SQL string between quotes, for a session with standard_conforming_strings = on. Pure.
std::string quoted_literal(std::string_view text);

}  // namespace fraiseql
