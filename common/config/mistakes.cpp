#include "common/config/mistakes.hpp"

#include "common/errors.hpp"

namespace fraiseql::config {

std::string mistake_line(std::string_view origin, std::string_view key, std::string_view message) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string line;
  for (const std::string_view part : {origin, std::string_view(": "), key, std::string_view(": "), message}) {
    for (const char c : part) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte != 0x7f) {
        line += c;
      } else {
        line += "\\x";
        line += hex[byte >> 4];
        line += hex[byte & 15];
      }
    }
  }
  return line;
}

void Mistakes::raise() const {
  if (lines_.empty()) return;
  std::string all;
  for (const std::string& line : lines_) {
    if (!all.empty()) all += '\n';
    all += line;
  }
  throw ConfigError(all);
}

}  // namespace fraiseql::config
