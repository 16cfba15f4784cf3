#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fraiseql {

/// The line of `text` in which byte `at` stands, and below it a line with a caret under that byte's character. Tabs stay
/// tabs, characters of several bytes, wide and combining ones take the columns that a terminal gives them; other control
/// characters are shown as `?`. No line break at the end. Pure.
std::string with_caret(std::string_view text, std::size_t at);

}  // namespace fraiseql
