#include "executor/language/raw_json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "executor/language/decimal.hpp"

namespace fraiseql::raw_json {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

const char* skip_blanks(const char* at, const char* end) {
  while (at != end && is_blank(*at)) ++at;
  return at;
}

/// The quote that closes a text, or `end`. `at`: behind the quote that opens it.
const char* closing_quote(const char* at, const char* end, bool& escaped) {
  for (; at != end && *at != '"'; ++at) {
    if (*at != '\\') continue;
    escaped = true;
    if (++at == end) return end;
  }
  return at;
}

/// Behind the text whose opening quote stands at `at`.
const char* behind_text(const char* at, const char* end) {
  bool escaped = false;
  at = closing_quote(at + 1, end, escaped);
  return at == end ? end : at + 1;
}

// Which kind of bracket closes what has been checked before: counting them is enough.
const char* behind_container(const char* at, const char* end) {
  std::size_t depth = 0;
  while (at != end) {
    const char c = *at;
    if (c == '"') {
      at = behind_text(at, end);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return at;
}

const char* behind_word(const char* at, const char* end) {
  while (at != end && *at != ',' && *at != '}' && *at != ']' && *at != ':' && *at != '"' && !is_blank(*at)) ++at;
  return at;
}

const char* behind_value(const char* at, const char* end) {
  if (at == end) return end;
  if (*at == '"') return behind_text(at, end);
  if (*at == '{' || *at == '[') return behind_container(at, end);
  return behind_word(at, end);
}

std::string_view between(const char* from, const char* to) { return {from, static_cast<std::size_t>(to - from)}; }

/// Calls `visit(name, value)` for each member in turn.
template <class Visit>
void each_member(std::string_view object, Visit visit) {
  const char* const end = object.data() + object.size();
  const char* at = skip_blanks(object.data(), end);
  if (at == end || *at != '{') return;
  do {
    at = skip_blanks(at + 1, end);
    if (at == end || *at != '"') return;
    Text name;
    const char* const begin = at + 1;
    at = closing_quote(begin, end, name.escaped);
    if (at == end) return;
    name.bytes = between(begin, at);
    at = skip_blanks(at + 1, end);
    if (at == end || *at != ':') return;
    const char* const value = skip_blanks(at + 1, end);
    at = behind_value(value, end);
    if (at == value) return;
    visit(name, between(value, at));
    at = skip_blanks(at, end);
  } while (at != end && *at == ',');
}

/// Calls `visit(value)` for each element in turn, until it returns true.
template <class Visit>
void each_element(std::string_view array, Visit visit) {
  const char* const end = array.data() + array.size();
  const char* at = skip_blanks(array.data(), end);
  if (at == end || *at != '[') return;
  do {
    const char* const value = skip_blanks(at + 1, end);
    at = behind_value(value, end);
    if (at == value || visit(between(value, at))) return;
    at = skip_blanks(at, end);
  } while (at != end && *at == ',');
}

/// The bytes of a text, one after the other, escapes undone.
class Bytes {
 public:
  explicit Bytes(Text text) : at_(text.bytes.data()), end_(at_ + text.bytes.size()), escaped_(text.escaped) {}

  /// -1: there is no more.
  int next() {
    if (pending_ < size_) return pending_bytes_[pending_++];
    if (at_ == end_) return -1;
    const char c = *at_++;
    if (c != '\\' || !escaped_ || at_ == end_) return static_cast<unsigned char>(c);
    return escape(*at_++);
  }

 private:
  int escape(char name) {
    switch (name) {
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'u':
        break;
      default:
        return static_cast<unsigned char>(name);
    }
    std::uint32_t code = four_digits();
    if (code >= 0xd800 && code < 0xdc00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
      const char* const back = at_;
      at_ += 2;
      const std::uint32_t low = four_digits();
      if (low >= 0xdc00 && low < 0xe000)
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      else
        at_ = back;
    }
    pending_ = size_ = 0;
    const auto put = [&](std::uint32_t byte) { pending_bytes_[size_++] = static_cast<unsigned char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      put(0xe0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3f));
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
      put(0x80 | (code >> 6 & 0x3f));
    }
    if (code >= 0x80) put(0x80 | (code & 0x3f));
    return pending_bytes_[pending_++];
  }

  std::uint32_t four_digits() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4 && at_ != end_; ++i, ++at_) {
      const char c = *at_;
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  const char* at_;
  const char* end_;
  bool escaped_;
  std::array<unsigned char, 4> pending_bytes_{};
  std::size_t pending_ = 0, size_ = 0;
};

/// Values and punctuation of a text, one after the other.
class Tokens {
 public:
  explicit Tokens(std::string_view json) : at_(json.data()), end_(at_ + json.size()) {}

  /// Empty: there is no more.
  std::string_view next() {
    const char* const from = at_ = skip_blanks(at_, end_);
    if (at_ == end_) return {};
    if (*at_ == '"')
      at_ = behind_text(at_, end_);
    else if (std::string_view("{}[],:").find(*at_) != std::string_view::npos)
      ++at_;  // one at a time: looking for the end of a word here would make deep nesting quadratic
    else
      at_ = behind_word(at_, end_);
    return between(from, at_);
  }

 private:
  const char* at_;
  const char* end_;
};

bool same_token(std::string_view one, std::string_view other) {
  if (one == other) return true;
  const Kind of_both = kind(one);
  if (of_both != kind(other)) return false;
  if (of_both == Kind::number) return compare_decimals(one, other) == 0;
  return of_both == Kind::text && compare(text(one), text(other)) == 0;
}

bool is(Text name, std::string_view expected) { return name.escaped ? compare(name, {expected}) == 0 : name.bytes == expected; }

std::string_view step_into(std::string_view value, const Step& step) {
  std::string_view found;
  if (!step.into_array) {
    each_member(value, [&](Text name, std::string_view member) {
      if (is(name, step.name)) found = member;
    });
    return found;
  }
  std::size_t number = 0;
  each_element(value, [&](std::string_view element) {
    if (number++ != step.element) return false;
    found = element;
    return true;
  });
  return found;
}

}  // namespace

Kind kind(std::string_view value) {
  if (value.empty()) return Kind::none;
  switch (value.front()) {
    case '"':
      return Kind::text;
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case 't':
      return Kind::yes;
    case 'f':
      return Kind::no;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

std::string_view find(std::string_view value, std::span<const Step> path) {
  for (const Step& step : path) {
    value = step_into(value, step);
    if (value.empty()) break;
  }
  return value;
}

void members(std::string_view object, std::span<const std::string> names, std::span<std::string_view> found) {
  std::fill(found.begin(), found.end(), std::string_view{});
  each_member(object, [&](Text name, std::string_view value) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!is(name, names[i])) continue;
      found[i] = value;
      return;
    }
  });
}

bool holds_text(std::string_view array, std::string_view wanted) {
  bool found = false;
  each_element(array, [&](std::string_view element) { return found = kind(element) == Kind::text && is(text(element), wanted); });
  return found;
}

Text text(std::string_view value) {
  value.remove_prefix(std::min<std::size_t>(1, value.size()));
  if (value.ends_with('"')) value.remove_suffix(1);
  return {value, value.find('\\') != value.npos};
}

void append(std::string& to, Text text) {
  if (!text.escaped) {
    to += text.bytes;
    return;
  }
  Bytes bytes(text);
  for (int byte = bytes.next(); byte >= 0; byte = bytes.next()) to += static_cast<char>(byte);
}

std::strong_ordering compare(Text one, Text other) {
  if (!one.escaped && !other.escaped) return one.bytes.compare(other.bytes) <=> 0;
  Bytes a(one), b(other);
  while (true) {
    const int byte = a.next();
    if (const auto order = byte <=> b.next(); order != 0 || byte < 0) return order;
  }
}

bool same(std::string_view one, std::string_view other) {
  if (one == other) return true;
  Tokens a(one), b(other);
  while (true) {
    const std::string_view token = a.next();
    if (!same_token(token, b.next())) return false;
    if (token.empty()) return true;
  }
}

}  // namespace fraiseql::raw_json
