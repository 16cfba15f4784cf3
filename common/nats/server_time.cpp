#include "common/nats/server_time.hpp"

#include <charconv>
#include <chrono>
#include <ctime>

namespace fraiseql::nats {
namespace {

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::string rfc3339(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return std::string(text, size) + "." + std::to_string(unix_ns % 1'000'000'000 + 1'000'000'000).substr(1) + "Z";
}

std::int64_t unix_ns(std::string_view time) {
  // 2024-01-15T10:30:00.123456789Z, as Go writes it: any number of digits, none when they are zero.
  using namespace std::chrono;
  if (time.size() < 20) return 0;
  const auto part = [&](std::size_t at, std::size_t size) { return number(time.substr(at, size)); };
  const year_month_day date{year(part(0, 4)), month(static_cast<unsigned>(part(5, 2))), day(static_cast<unsigned>(part(8, 2)))};
  if (!date.ok()) return 0;
  std::int64_t fraction = 0, unit = 100'000'000;
  if (time[19] == '.')
    for (std::size_t at = 20; at < time.size() && time[at] >= '0' && time[at] <= '9'; ++at, unit /= 10)
      fraction += (time[at] - '0') * unit;
  return nanoseconds(sys_days(date).time_since_epoch() + hours(part(11, 2)) + minutes(part(14, 2)) + seconds(part(17, 2)))
             .count() +
         fraction;
}

}  // namespace fraiseql::nats
