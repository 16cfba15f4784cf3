// toml++'s assertions abort on documents such as `[= 1]`, so its code is compiled here, without them, instead of taken
// from the shared library that the build's flags ask for: whether that one has them is the distribution's choice.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#ifndef NDEBUG
#define NDEBUG
#endif
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <locale>
#include <sstream>

#include "common/config/document.hpp"

namespace fraiseql::config {
namespace {

constexpr std::size_t max_bytes = 1024 * 1024;
constexpr std::size_t max_line_bytes = 64 * 1024;
// The library and this file walk the tree by recursion; a key of 100,000 parts would overflow the stack.
constexpr int max_nesting = 64;
constexpr int max_key_parts = 32;

struct Complaint {
  int line;
  std::string key;
  std::string message;
};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Looks at the text as the parser would, only at what is dangerous for it.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::optional<Complaint> run() {
    while (at_ < text_.size() && !complaint_) step();
    if (!complaint_ && at_ - line_begin_ > max_line_bytes) complain("file", "the line has more than 65536 bytes");
    return complaint_;
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\n') return next_line();
    if (c == '#') return skip_comment();
    if (c == '"' || c == '\'') return skip_string(c);
    if (static_cast<unsigned char>(c) >= 0x80) return complain("syntax", "a character outside ASCII stands outside of quotes");
    if (c == '[' || c == '{') {
      if (c == '[' && fresh_line_ && depth_ == 0)
        header_ = true;
      else if (!header_ && ++depth_ > max_nesting)
        return complain("syntax", "nested deeper than 64 levels");
      parts_ = 0;
    } else if (c == ']' || c == '}') {
      if (!header_ && depth_ > 0) --depth_;
    } else if (c == '=' || c == ',') {
      parts_ = 0;
    } else if (c == '.' && ++parts_ >= max_key_parts) {
      return complain("syntax", "a key has more than 32 parts");
    }
    if (!is_blank(c)) fresh_line_ = false;
    ++at_;
  }

  void next_line() {
    if (at_ - line_begin_ > max_line_bytes) return complain("file", "the line has more than 65536 bytes");
    line_begin_ = ++at_;
    ++line_;
    fresh_line_ = true;
    header_ = false;
    parts_ = 0;
  }

  void skip_comment() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }

  void skip_string(char quote) {
    fresh_line_ = false;
    const std::string three(3, quote);
    const bool long_form = text_.substr(at_, 3) == three;
    at_ += long_form ? 3 : 1;
    const std::size_t begin = at_;
    bool plain = true;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        if (!long_form) return;  // not closed: the parser says so
        next_line();
        if (complaint_) return;
        continue;
      }
      if (long_form ? text_.substr(at_, 3) == three : c == quote) break;
      if (static_cast<unsigned char>(c) >= 0x80 || c == '\\') plain = false;
      at_ += c == '\\' && quote == '"' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n' ? 2 : 1;
    }
    at_ = std::min(at_ + (long_form ? 3 : 1), text_.size());
    for (int extra = 0; long_form && extra < 2 && at_ < text_.size() && text_[at_] == quote; ++extra)
      ++at_;  // quotes before the end
    if (long_form || plain || begin == at_) return;
    std::size_t after = at_;
    while (after < text_.size() && is_blank(text_[after])) ++after;
    // Only a key is followed by these; in a header everything is one.
    if (header_ || (after < text_.size() && (text_[after] == '=' || text_[after] == '.')))
      complain("syntax", "a key may hold only ASCII characters and no escapes");
  }

  void complain(std::string key, std::string message) { complaint_ = Complaint{line_, std::move(key), std::move(message)}; }

  std::string_view text_;
  std::size_t at_ = 0, line_begin_ = 0;
  int line_ = 1, depth_ = 0, parts_ = 0;
  bool fresh_line_ = true, header_ = false;
  std::optional<Complaint> complaint_;
};

int line_of(std::string_view text, std::size_t at) {
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

/// Length of the valid sequence at `at`, 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return follows(at + 1) && follows(at + 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return follows(at + 1) && follows(at + 2) && follows(at + 3) ? 4 : 0;
  }
  return 0;
}

std::size_t first_invalid(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::optional<Complaint> first_complaint(std::string_view text) {
  if (text.size() > max_bytes) return Complaint{1, "file", "is larger than 1 MiB"};
  if (const auto at = text.find('\0'); at != text.npos) return Complaint{line_of(text, at), "file", "holds a NUL byte"};
  if (const auto at = first_invalid(text); at != text.npos) return Complaint{line_of(text, at), "file", "is not valid UTF-8"};
  return Scan(text).run();
}

/// The shortest that reads back as the same number, in every locale.
std::string number_text(double number) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

std::string time_text(const toml::node& from) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  if (const auto* date = from.as_date()) out << date->get();
  if (const auto* time = from.as_time()) out << time->get();
  if (const auto* both = from.as_date_time()) out << both->get();
  return out.str();
}

Node convert(const toml::node& from, int line) {
  Node node;
  node.line = line;
  if (const auto* table = from.as_table()) {
    std::vector<std::pair<toml::source_position, std::pair<std::string, const toml::node*>>> members;
    for (const auto& [key, value] : *table) members.push_back({key.source().begin, {std::string(key.str()), &value}});
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [position, member] : members)
      node.members.emplace_back(member.first, convert(*member.second, static_cast<int>(position.line)));
  } else if (const auto* array = from.as_array()) {
    node.kind = Node::Kind::array;
    for (const auto& item : *array) node.items.push_back(convert(item, static_cast<int>(item.source().begin.line)));
  } else if (const auto* text = from.as_string()) {
    node.kind = Node::Kind::string;
    node.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    node.kind = Node::Kind::integer;
    node.integer = integer->get();
  } else if (const auto* boolean = from.as_boolean()) {
    node.kind = Node::Kind::boolean;
    node.boolean = boolean->get();
  } else if (const auto* number = from.as_floating_point()) {
    node.kind = Node::Kind::floating;
    if (std::isfinite(number->get())) node.text = number_text(number->get());
  } else {
    node.kind = Node::Kind::time;
    node.text = time_text(from);
  }
  return node;
}

}  // namespace

const Node* Node::find(std::string_view name) const {
  for (const auto& [key, node] : members)
    if (key == name) return &node;
  return nullptr;
}

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::table:
      return "a table";
    case Node::Kind::array:
      return "an array";
    case Node::Kind::string:
      return "a string";
    case Node::Kind::integer:
      return "an integer";
    case Node::Kind::floating:
      return "a floating point number";
    case Node::Kind::boolean:
      return "a boolean";
    case Node::Kind::time:
      break;
  }
  return "a date or time";
}

bool valid_utf8(std::string_view text) { return first_invalid(text) == std::string_view::npos; }

std::optional<Node> parse_document(std::string_view text, const std::string& file, Mistakes& mistakes) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (const auto complaint = first_complaint(text)) {
    mistakes.add(file + ":" + std::to_string(complaint->line), complaint->key, complaint->message);
    return std::nullopt;
  }
  try {
    return convert(toml::parse(text), 1);
  } catch (const toml::parse_error& e) {
    std::string_view why = e.description();
    constexpr std::string_view opening = "Error while parsing ";
    if (why.starts_with(opening)) why.remove_prefix(opening.size());
    mistakes.add(file + ":" + std::to_string(std::max(1u, e.source().begin.line)), "syntax", why);
    return std::nullopt;
  }
}

}  // namespace fraiseql::config
