#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Small things that every room does with texts. Pure.
namespace fraiseql {

std::string lower_case(std::string_view text);  ///< ASCII letters only
std::string one_line(std::string text);         ///< control bytes become blanks: for a message on one line

/// Bytes of the UTF-8 character that `text` begins with; 0: none does (overlong forms, surrogates and what is above the last
/// code point included), or the text is empty.
std::size_t utf8_character(std::string_view text);

}  // namespace fraiseql
