#include "executor/language/caret.hpp"

#include <algorithm>
#include <cstdint>

namespace fraiseql {
namespace {

struct Character {
  std::uint32_t code;
  std::size_t bytes;
};

// Bytes that are not UTF-8 count as characters of their own.
Character character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  if (size == 1 || at + size > text.size()) return {first, 1};
  std::uint32_t code = first & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xc0u) != 0x80) return {first, 1};
    code = code << 6 | (byte(at + i) & 0x3fu);
  }
  return {code, size};
}

std::size_t columns(std::uint32_t code) {
  const auto in = [&](std::uint32_t first, std::uint32_t last) { return code >= first && code <= last; };
  if (in(0x300, 0x36f) || in(0x200b, 0x200f) || in(0x20d0, 0x20ff) || in(0xfe00, 0xfe0f) || in(0xfe20, 0xfe2f)) return 0;
  if (in(0x1100, 0x115f) || in(0x2e80, 0xa4cf) || in(0xac00, 0xd7a3) || in(0xf900, 0xfaff) || in(0xfe30, 0xfe6f) ||
      in(0xff00, 0xff60) || in(0xffe0, 0xffe6) || in(0x1f300, 0x1faff) || in(0x20000, 0x3fffd))
    return 2;
  return 1;
}

}  // namespace

std::string with_caret(std::string_view text, std::size_t at) {
  at = std::min(at, text.size());
  const std::size_t before = at == 0 ? text.npos : text.rfind('\n', at - 1);
  const std::size_t begin = before == text.npos ? 0 : before + 1;
  std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  at -= begin;

  std::string shown, under;
  for (std::size_t i = 0; i < line.size();) {
    const Character next = character(line, i);
    const bool tab = next.code == '\t';
    const bool control = next.code < 0x20 || (next.code >= 0x7f && next.code < 0xa0);
    if (control && !tab)
      shown += '?';
    else
      shown += line.substr(i, next.bytes);
    i += next.bytes;
    if (i <= at) under += tab ? "\t" : std::string(columns(next.code), ' ');
  }
  return shown + "\n" + under + "^";
}

}  // namespace fraiseql
