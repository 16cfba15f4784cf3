#include "executor/language/decimal.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace fraiseql {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

std::size_t strip_zeros(std::string_view& digits) {
  const std::size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
  digits.remove_prefix(zeros);
  return zeros;
}

/// 0.<whole><fraction> * 10^(exponent + shift), the first digit not a zero.
struct Decimal {
  bool negative = false;
  std::string_view whole, fraction;
  std::int64_t shift = 0;
  bool exponent_negative = false;
  std::string_view exponent;  ///< without leading zeros

  explicit Decimal(std::string_view text) {
    negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    whole = take_digits(text);
    strip_zeros(whole);
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      fraction = take_digits(text);
    }
    shift = static_cast<std::int64_t>(whole.size());
    if (whole.empty()) shift = -static_cast<std::int64_t>(strip_zeros(fraction));
    if (!text.starts_with('e') && !text.starts_with('E')) return;
    text.remove_prefix(1);
    exponent_negative = text.starts_with('-');
    if (exponent_negative || text.starts_with('+')) text.remove_prefix(1);
    exponent = take_digits(text);
    strip_zeros(exponent);
  }

  bool zero() const { return whole.empty() && fraction.empty(); }
  char digit(std::size_t i) const {
    if (i < whole.size()) return whole[i];
    i -= whole.size();
    return i < fraction.size() ? fraction[i] : '0';
  }
  std::size_t digits() const { return whole.size() + fraction.size(); }
};

// So many digits fit into 64 bits with room for a shift, which is never longer than a text in memory.
constexpr std::size_t short_exponent = 18;

std::int64_t short_place(const Decimal& number) {
  std::int64_t exponent = 0;
  for (const char c : number.exponent) exponent = exponent * 10 + (c - '0');
  return (number.exponent_negative ? -exponent : exponent) + number.shift;
}

/// A whole number of any length.
struct Place {
  bool negative;
  std::string digits;  ///< without leading zeros
};

// exponent + shift, by hand. Numbers with such exponents are curiosities, and so may cost an allocation.
Place long_place(const Decimal& number) {
  if (number.exponent.size() <= short_exponent) {
    const std::int64_t place = short_place(number);
    return {place < 0, std::to_string(place < 0 ? -place : place)};
  }
  std::string digits(number.exponent);
  const bool away = number.exponent_negative == (number.shift < 0);  // from zero
  auto rest = static_cast<std::uint64_t>(number.shift < 0 ? -number.shift : number.shift);
  int carry = 0;
  for (std::size_t i = digits.size(); i-- > 0 && (rest > 0 || carry != 0); rest /= 10) {
    const int step = static_cast<int>(rest % 10);
    int digit = digits[i] - '0' + carry + (away ? step : -step);
    carry = digit > 9 ? 1 : digit < 0 ? -1 : 0;
    digit -= carry * 10;
    digits[i] = static_cast<char>('0' + digit);
  }
  if (carry > 0) digits.insert(digits.begin(), '1');
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return {number.exponent_negative, digits};
}

std::strong_ordering compare_places(const Decimal& one, const Decimal& other) {
  if (one.exponent.size() <= short_exponent && other.exponent.size() <= short_exponent)
    return short_place(one) <=> short_place(other);
  const Place a = long_place(one), b = long_place(other);
  if (a.negative != b.negative) return a.negative ? std::strong_ordering::less : std::strong_ordering::greater;
  const auto sizes = a.digits.size() <=> b.digits.size();
  const auto order = sizes != 0 ? sizes : a.digits <=> b.digits;
  return a.negative ? 0 <=> order : order;
}

std::strong_ordering compare_sizes(const Decimal& one, const Decimal& other) {
  if (const auto places = compare_places(one, other); places != 0) return places;
  const std::size_t count = std::max(one.digits(), other.digits());
  for (std::size_t i = 0; i < count; ++i)
    if (const auto digits = one.digit(i) <=> other.digit(i); digits != 0) return digits;
  return std::strong_ordering::equal;
}

}  // namespace

std::strong_ordering compare_decimals(std::string_view one, std::string_view other) {
  if (one == other) return std::strong_ordering::equal;
  const Decimal a(one), b(other);
  const int sign_a = a.zero() ? 0 : a.negative ? -1 : 1;
  const int sign_b = b.zero() ? 0 : b.negative ? -1 : 1;
  if (sign_a != sign_b || sign_a == 0) return sign_a <=> sign_b;
  return sign_a > 0 ? compare_sizes(a, b) : compare_sizes(b, a);
}

}  // namespace fraiseql
