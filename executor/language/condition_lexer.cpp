#include "executor/language/condition_lexer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "executor/language/mistake.hpp"

namespace fraiseql {
namespace {

using Kind = ConditionToken::Kind;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  ///< 0: not UTF-8
};

Character beyond_ascii(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t size = first >= 0xf5 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (size == 0 || text.size() < size) return {};
  std::uint32_t code = first & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0u) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  return {code, size};
}

// Word processors and web pages turn quotes and blanks into others, which must not become part of a name in silence.
bool is_punctuation(std::uint32_t code) {
  return (code < 0xc0 && code != 0xaa && code != 0xb5 && code != 0xba) || code == 0xd7 || code == 0xf7 ||
         (code >= 0x2000 && code <= 0x206f) || code == 0x3000 || code == 0xfeff;
}
bool is_quote(std::uint32_t code) { return (code >= 0x2018 && code <= 0x201f) || code == 0xab || code == 0xbb || code == 0xb4; }

}  // namespace

ConditionToken ConditionLexer::next() {
  while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  if (at_ == text_.size()) return {Kind::end, behind_last_, {}, {}};
  const char c = text_[at_];
  if (c == '\'' || c == '"') return text();
  if (is_digit(c) || (c == '-' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number();
  if (is_letter(c) || !is_ascii(c)) return name();
  return sign();
}

ConditionToken ConditionLexer::cut(Kind kind, std::size_t size) {
  ConditionToken token{kind, at_, text_.substr(at_, size), {}};
  behind_last_ = at_ += size;
  return token;
}

// Bytes of the character at `at` when it may be part of a name, else 0.
std::size_t ConditionLexer::name_character(std::size_t at) const {
  if (at >= text_.size()) return 0;
  if (is_ascii(text_[at])) return is_letter(text_[at]) || is_digit(text_[at]) ? 1 : 0;
  const Character found = beyond_ascii(text_.substr(at));
  return found.bytes > 0 && !is_punctuation(found.code) ? found.bytes : 0;
}

ConditionToken ConditionLexer::name() {
  std::size_t size = 0;
  while (const std::size_t more = name_character(at_ + size)) size += more;
  if (size > 0) return cut(Kind::name, size);
  const Character wrong = beyond_ascii(text_.substr(at_));
  if (wrong.bytes == 0) throw Mistake(at_, "this byte is not UTF-8");
  if (is_quote(wrong.code)) throw Mistake(at_, "this quote is not one of ' and \"");
  throw Mistake(at_, "this character has no meaning here");
}

std::size_t ConditionLexer::digits(std::size_t at) const {
  std::size_t count = 0;
  while (at + count < text_.size() && is_digit(text_[at + count])) ++count;
  return count;
}

ConditionToken ConditionLexer::number() {
  std::size_t end = at_ + (text_[at_] == '-' ? 1 : 0);
  const std::size_t whole = digits(end);
  if (whole > 1 && text_[end] == '0') throw Mistake(at_, "a number does not begin with 0");
  end += whole;
  if (end < text_.size() && text_[end] == '.') {
    const std::size_t fraction = digits(end + 1);
    if (fraction == 0) throw Mistake(end, "digits are missing after the point");
    end += 1 + fraction;
  }
  if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
    const std::size_t sign = end + 1 < text_.size() && (text_[end + 1] == '+' || text_[end + 1] == '-') ? 1 : 0;
    const std::size_t exponent = digits(end + 1 + sign);
    if (exponent == 0) throw Mistake(end, "digits are missing in the exponent");
    end += 1 + sign + exponent;
  }
  if (name_character(end) > 0) throw Mistake(at_, "this is neither a number nor a name");
  return cut(Kind::number, end - at_);
}

ConditionToken ConditionLexer::text() {
  const char quote = text_[at_];
  std::string meant;
  std::size_t end = at_ + 1;
  for (; end < text_.size() && text_[end] != quote; ++end) {
    if (text_[end] == '\\') {
      if (end + 1 == text_.size()) break;
      if (std::string_view("'\"\\").find(text_[end + 1]) == std::string_view::npos)
        throw Mistake(end, R"(unknown escape; there are \', \" and \\)");
      ++end;
    }
    if (!is_ascii(text_[end])) {
      const std::size_t size = beyond_ascii(text_.substr(end)).bytes;
      if (size == 0) throw Mistake(end, "this byte is not UTF-8");
      meant.append(text_, end, size - 1);
      end += size - 1;
    }
    meant += text_[end];
  }
  if (end >= text_.size() || text_[end] != quote) throw Mistake(at_, "this quote is never closed");
  ConditionToken token = cut(Kind::text, end + 1 - at_);
  token.text = std::move(meant);
  return token;
}

ConditionToken ConditionLexer::sign() {
  // What other languages write; the longest first.
  struct Foreign {
    std::string_view written, instead;
  };
  static constexpr std::array foreign{Foreign{"===", "write =="}, Foreign{"!==", "write !="}, Foreign{"<>", "write !="},
                                      Foreign{"=~", "there are no patterns"}};
  const std::string_view rest = text_.substr(at_);
  for (const Foreign& one : foreign)
    if (rest.starts_with(one.written))
      throw Mistake(at_, "unknown operator " + std::string(one.written) + "; " + std::string(one.instead));
  for (const std::string_view one : {"==", "!=", "<=", ">=", "&&", "||"})
    if (rest.starts_with(one)) return cut(Kind::sign, 2);
  if (std::string_view("()[],.!<>").find(rest.front()) != std::string_view::npos) return cut(Kind::sign, 1);
  switch (rest.front()) {
    case '=':
      throw Mistake(at_, "unknown operator =; write ==");
    case '&':
      throw Mistake(at_, "unknown operator &; write &&");
    case '|':
      throw Mistake(at_, "unknown operator |; write ||");
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      throw Mistake(at_, "there is no arithmetic");
    default:
      throw Mistake(at_, "this character has no meaning here");
  }
}

}  // namespace fraiseql
