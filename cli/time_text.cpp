#include "cli/time_text.hpp"

#include <chrono>
#include <cstdlib>
#include <string_view>

namespace fraiseql {

std::optional<std::string> rfc3339_time(std::string time) {
  for (char& c : time)
    if (c == 't' || c == 'z') c = static_cast<char>(c - 0x20);
  const std::string_view shape = "dddd-dd-ddTdd:dd:dd";
  if (time.size() <= shape.size()) return std::nullopt;
  const auto digit = [&](std::size_t at) { return at < time.size() && time[at] >= '0' && time[at] <= '9'; };
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 'd' ? !digit(i) : time[i] != shape[i]) return std::nullopt;
  std::size_t at = shape.size();
  if (time[at] == '.') {
    if (!digit(++at)) return std::nullopt;
    while (digit(at)) ++at;
  }
  const bool utc = time.compare(at, std::string::npos, "Z") == 0;
  const bool offset = time.size() == at + 6 && (time[at] == '+' || time[at] == '-') && digit(at + 1) && digit(at + 2) && time[at + 3] == ':' &&
                      digit(at + 4) && digit(at + 5);
  using namespace std::chrono;
  const auto part = [&](std::size_t from, std::size_t size) { return std::atoi(time.substr(from, size).c_str()); };
  const year_month_day date{year(part(0, 4)), month(static_cast<unsigned>(part(5, 2))), day(static_cast<unsigned>(part(8, 2)))};
  if ((!utc && !offset) || !date.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 59) return std::nullopt;
  if (offset && (part(at + 1, 2) > 23 || part(at + 4, 2) > 59)) return std::nullopt;
  return time;
}

}  // namespace fraiseql
