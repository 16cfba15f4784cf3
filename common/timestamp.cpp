#include "common/timestamp.hpp"

#include <cstring>

namespace fraiseql {
namespace {

/// The number that the two digits at `at` write; -1 when they are none.
int two_digits(const char* at) {
  if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9') return -1;
  return (at[0] - '0') * 10 + (at[1] - '0');
}

/// Days from 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is the last of its year.
std::int64_t days_since_epoch(int year, int month, int day) {
  const int shifted = month > 2 ? year : year - 1;
  const int era = shifted / 400;
  const int year_of_era = shifted - era * 400;
  const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<std::int64_t>(era) * 146097 + day_of_era - 719468;
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  // "2024-01-15 10:30:00" and then ".123", "+00"; a year of five digits puts the first dash elsewhere.
  constexpr std::size_t seconds_end = 19;
  constexpr std::string_view utc = "+00";
  if (text.size() < seconds_end + utc.size() || !text.ends_with(utc)) return std::nullopt;
  const char* at = text.data();
  if (at[4] != '-' || at[7] != '-' || at[10] != ' ' || at[13] != ':' || at[16] != ':') return std::nullopt;
  const int century = two_digits(at), year_of_century = two_digits(at + 2), month = two_digits(at + 5), day = two_digits(at + 8);
  const int hour = two_digits(at + 11), minute = two_digits(at + 14), second = two_digits(at + 17);
  if (century < 0 || year_of_century < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || minute < 0 ||
      second < 0)
    return std::nullopt;

  std::string_view rest = text.substr(seconds_end, text.size() - seconds_end - utc.size());
  std::array<char, 6> fraction{'0', '0', '0', '0', '0', '0'};
  if (!rest.empty()) {
    if (rest.front() != '.' || rest.size() < 2 || rest.size() > 7) return std::nullopt;
    rest.remove_prefix(1);
    for (const char c : rest)
      if (c < '0' || c > '9') return std::nullopt;
    std::memcpy(fraction.data(), rest.data(), rest.size());
  }
  std::int64_t microseconds = 0;
  for (const char c : fraction) microseconds = microseconds * 10 + (c - '0');

  Timestamp result;
  char* out = result.text_.data();
  std::memcpy(out, at, seconds_end);
  out[10] = 'T';
  std::size_t size = seconds_end;
  if (microseconds != 0) {
    out[size++] = '.';
    std::memcpy(out + size, fraction.data(), fraction.size());
    size += fraction.size();
  }
  out[size++] = 'Z';
  result.size_ = size;
  const std::int64_t days = days_since_epoch(century * 100 + year_of_century, month, day);
  result.microseconds_ = ((days * 24 + hour) * 60 + minute) * 60'000'000 + second * 1'000'000LL + microseconds;
  return result;
}

}  // namespace fraiseql
