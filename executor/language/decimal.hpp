#pragma once

#include <compare>
#include <string_view>

namespace fraiseql {

/// Compares two numbers as JSON writes them, exactly and as decimals: 100 equals 100.00 and 1e2, -0 equals 0. Digits and
/// exponents may be of any length; nothing is converted, and the work grows with the text, not with the exponent.
/// Of anything that is no JSON number the order is unspecified. Pure.
std::strong_ordering compare_decimals(std::string_view one, std::string_view other);

}  // namespace fraiseql
