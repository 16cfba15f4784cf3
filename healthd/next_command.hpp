#pragma once

#include <string>
#include <string_view>

namespace fraiseql {

/// The last `fraiseql ...` command that a reason names, for people to copy; `fraiseql check` when it names none. Reasons come
/// from strangers too: what comes out is one of a closed list, without arguments. Pure.
std::string next_command(std::string_view reason);

}  // namespace fraiseql
