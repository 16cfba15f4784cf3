#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// What it takes to write texts of others to a terminal.
namespace fraiseql {

std::string as_utf8(std::string_view text);  ///< bytes that are no UTF-8 become U+FFFD
/// Without what a terminal would obey: control characters, those of two bytes too, become blanks. `lines`: but line breaks and
/// tabs stay.
std::string harmless(std::string_view text, bool lines = false);

std::size_t columns(std::string_view text);              ///< characters
std::string cut(std::string text, std::size_t width);    ///< to so many characters, the last three of them dots
std::string padded(std::string text, std::size_t width);  ///< with blanks behind it

/// The columns of the terminal that is our standard output; 240 when it is none.
std::size_t line_width();

}  // namespace fraiseql
