#include "executor/language/escape.hpp"

#include <algorithm>

#include "common/text.hpp"

namespace fraiseql::escape {
namespace {

void percent(std::string& to, unsigned char byte) {
  static constexpr char hex[] = "0123456789ABCDEF";
  to += '%';
  to += hex[byte >> 4];
  to += hex[byte & 15];
}

}  // namespace

void utf8(std::string& to, std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    to += size == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
}

void json_text(std::string& to, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  static constexpr std::string_view plain = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      to += c;
    } else if (const auto place = plain.find(c); place != plain.npos) {
      to += '\\';
      to += names[place];
    } else {
      to += "\\u00";
      to += hex[byte >> 4];
      to += hex[byte & 15];
    }
  }
}

void url(std::string& to, std::string_view text) {
  static constexpr std::string_view others = "-._~";
  for (const char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.find(c) != others.npos)
      to += c;
    else
      percent(to, static_cast<unsigned char>(c));
  }
}

void line(std::string& to, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      percent(to, byte);
    else
      to += c;
  }
}

void chat(std::string& to, std::string_view text) {
  for (const char c : text) {
    if (c == '&')
      to += "&amp;";
    else if (c == '<')
      to += "&lt;";
    else if (c == '>')
      to += "&gt;";
    else
      to += c;
  }
}

void glob(std::string& to, std::string_view text) {
  static constexpr std::string_view marks = "*?[]^\\";
  for (const char c : text) {
    if (marks.find(c) != marks.npos) to += '\\';
    to += c;
  }
}

}  // namespace fraiseql::escape
