#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include "common/text.hpp"

namespace fraiseql {

std::string as_utf8(std::string_view text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  std::string made;
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    made += size == 0 ? replacement : text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return made;
}

std::string harmless(std::string_view text, bool lines) {
  std::string made = as_utf8(text);
  for (std::size_t i = 0; i < made.size(); ++i) {
    const auto c = static_cast<unsigned char>(made[i]);
    if ((c < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f) made[i] = ' ';
    if (c == 0xc2 && i + 1 < made.size() && static_cast<unsigned char>(made[i + 1]) < 0xa0) made.replace(i, 2, " ");
  }
  return made;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

std::string cut(std::string text, std::size_t width) {
  if (columns(text) <= width) return text;
  std::size_t at = 0, count = 0;
  while (at < text.size() && count + 3 < width) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    ++count;
  }
  text.resize(at);
  return text + "...";
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t has = columns(text);
  if (has < width) text.append(width - has, ' ');
  return text;
}

// Of a terminal its own width; into a pipe or file room for most errors.
std::size_t line_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 240;
}

}  // namespace fraiseql
