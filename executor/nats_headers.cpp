#include "executor/nats_headers.hpp"

#include <algorithm>

#include "common/text.hpp"

namespace fraiseql {
// Before 2.11.11 and 2.12.2 the text Nats-Msg-Id anywhere before the real header, also inside a value, switches the
// server's de-duplication off; and a line break would be a header of its own.
std::string safe_header_value(std::string_view value) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string made;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\r' || c == '\n' || c == '\0') {
      made += '%';
      made += hex[static_cast<unsigned char>(c) >> 4];
      made += hex[static_cast<unsigned char>(c) & 15];
    } else if (c == '-' && i >= 4 && lower_case(value.substr(i - 4, 4)) == "nats") {
      made += "%2D";
    } else {
      made += c;
    }
  }
  return made;
}

bool steers_server(std::string_view name) { return lower_case(name).find("nats-") != std::string::npos; }

std::size_t bytes_of(const Headers& headers) {
  std::size_t size = 12;  // NATS/1.0 and two line breaks
  for (const auto& [name, value] : headers) size += name.size() + value.size() + 4;
  return size;
}

}  // namespace fraiseql
