#include "common/sql_name.hpp"

namespace fraiseql {

Result<std::string> quoted_name(std::string_view text) {
  constexpr std::size_t longest = 63;  // bytes
  const Error none{"must be the name of a function, such as notify or app.notify"};
  std::string made;
  for (int part = 0; part < 2; ++part) {
    std::string name;
    if (text.starts_with('"')) {
      std::size_t at = 1;
      for (; at < text.size() && (text[at] != '"' || text.substr(at, 2) == "\"\""); ++at) {
        name += text[at];
        if (text[at] == '"') ++at;  // a doubled one stands for itself
      }
      if (at >= text.size()) return none;
      text.remove_prefix(at + 1);
    } else {
      while (!text.empty() && text.front() != '.' && text.front() != '"') {
        const char c = text.front();
        const bool upper = c >= 'A' && c <= 'Z', digit = (c >= '0' && c <= '9') || c == '$';
        const bool letter = upper || (c >= 'a' && c <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
        if (!letter && !(digit && !name.empty())) return none;
        name += upper ? static_cast<char>(c | 0x20) : c;
        text.remove_prefix(1);
      }
    }
    if (name.empty() || name.find('\0') != name.npos) return none;
    if (name.size() > longest) return Error{"a name has at most 63 bytes"};
    made += '"';
    for (const char c : name) made += c == '"' ? std::string("\"\"") : std::string(1, c);
    made += '"';
    if (text.empty()) return made;
    if (part == 1 || text.front() != '.') return none;
    text.remove_prefix(1);
    made += '.';
  }
  return none;
}

std::string quoted_literal(std::string_view text) {
  std::string made = "'";
  for (const char c : text) made += c == '\'' ? std::string("''") : std::string(1, c);
  return made + "'";
}

}  // namespace fraiseql
