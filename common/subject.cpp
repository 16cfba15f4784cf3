#include "common/subject.hpp"

#include <strings.h>

namespace fraiseql {

Operation parse_operation(std::string_view verb) {
  const auto is = [&](std::string_view name) { return verb.size() == name.size() && strncasecmp(verb.data(), name.data(), name.size()) == 0; };
  if (is("INSERT")) return Operation::insert;
  if (is("UPDATE")) return Operation::update;
  if (is("DELETE")) return Operation::del;
  return Operation::custom;
}

std::string_view to_string(Operation operation) {
  switch (operation) {
    case Operation::insert: return "INSERT";
    case Operation::update: return "UPDATE";
    case Operation::del: return "DELETE";
    case Operation::custom: break;
  }
  return "CUSTOM";
}

std::optional<std::string> entity_token(std::string_view entity) {
  static constexpr char hex[] = "0123456789ABCDEF";
  if (entity.empty()) return "_";
  std::string token;
  for (const char c : entity) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (plain) {
      token += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      token += '%';
      token += hex[byte >> 4];
      token += hex[byte & 15];
    }
    if (token.size() > max_token_bytes) return std::nullopt;
  }
  return token;
}

}  // namespace fraiseql
