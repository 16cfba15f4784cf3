#include "executor/event_view.hpp"

#include <array>
#include <cstdint>
#include <vector>

#include "common/text.hpp"

namespace fraiseql {
namespace {

// PostgreSQL lets rows through that nest 6,000 levels; ours sit one level deeper.
constexpr std::size_t deepest = 16'384;

constexpr std::array<std::string_view, 7> member_names{"event", "entity", "subject", "timestamp", "data", "before", "changed"};
enum Member : std::size_t { event_, entity_, subject_, timestamp_, data_, before_, changed_, none_ };

/// Walks through JSON text and checks its grammar (RFC 8259), to its end; of the values it keeps only the texts of an
/// event's own members. RapidJSON's reader cannot do this: it refuses 1e400 and integers of 310 digits, which PostgreSQL
/// writes, even when told to leave numbers as texts. The nesting is kept in `open_`, so that depth costs no stack.
class Walk {
 public:
  explicit Walk(std::string_view json) : json_(json) {}

  std::array<std::string, 4> texts;
  std::array<std::string_view, member_names.size()> slices;  ///< of `data`, `before` and `changed`
  std::string why;                                           ///< what is wrong

  bool walk() {
    blanks();
    if (next() != '{') return fail("is not a JSON object");
    if (!value()) return false;
    while (!open_.empty())
      if (!inside()) return false;
    blanks();
    if (at_ != json_.size()) return wrong("bytes follow the object");
    for (std::size_t i = 0; i <= data_; ++i)
      if (!seen_[i]) return fail("member " + std::string(member_names[i]) + " is missing");
    return true;
  }

 private:
  struct Open {
    bool object;
    bool empty = true;
  };

  // One element or member of the innermost array or object, or its end.
  bool inside() {
    Open& innermost = open_.back();
    const char close = innermost.object ? '}' : ']';
    blanks();
    if (next() == close) {
      ++at_;
      open_.pop_back();
      if (open_.size() == 1) end_of_member();
      return true;
    }
    if (!innermost.empty) {
      if (next() != ',') return wrong("a comma or the end of a container is missing");
      ++at_;
      blanks();
    }
    innermost.empty = false;
    if (!innermost.object) return value();
    std::string* const name = open_.size() == 1 ? &name_ : nullptr;
    if (next() != '"' || !text(name)) return why.empty() ? wrong("a member's name is missing") : false;
    if (name && !member()) return false;
    blanks();
    if (next() != ':') return wrong("a colon is missing");
    ++at_;
    blanks();
    if (open_.size() > 1) return value();
    began_ = at_;
    if (!value()) return false;
    if (open_.size() == 1) end_of_member();
    return true;
  }

  void end_of_member() { slices[member_] = json_.substr(began_, at_ - began_); }

  bool member() {
    for (std::size_t i = 0; i < member_names.size(); ++i) {
      if (member_names[i] != name_) continue;
      if (seen_[i]) return fail("member " + name_ + " twice");
      seen_[i] = true;
      member_ = static_cast<Member>(i);
      return true;
    }
    return fail("unknown member " + name_.substr(0, 64));
  }

  // A scalar as a whole, or the beginning of a container.
  bool value() {
    const char c = next();
    const bool is_text = c == '"';
    if (open_.size() == 1 && member_ <= timestamp_ && !is_text)
      return fail("member " + std::string(member_names[member_]) + " is not a text");
    if (open_.size() == 1 && member_ == changed_ && c != '[') return fail("member changed is not an array");
    if (open_.size() == 2 && member_ == changed_ && !is_text) return fail("member changed holds something else than texts");
    if (is_text) return text(open_.size() == 1 && member_ <= timestamp_ ? &texts[member_] : nullptr);
    if (c == '{' || c == '[') {
      if (open_.size() == deepest) return fail("nests deeper than " + std::to_string(deepest) + " levels");
      open_.push_back({c == '{'});
      ++at_;
      return true;
    }
    if (c == '-' || (c >= '0' && c <= '9')) return number();
    return word("true") || word("false") || word("null") || wrong("a value is missing");
  }

  bool word(std::string_view expected) {
    if (json_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool number() {
    if (next() == '-') ++at_;
    if (next() == '0')
      ++at_;
    else if (!some_digits())
      return wrong("a number without digits");
    if (next() == '.' && (++at_, !some_digits())) return wrong("a number without digits");
    if (next() == 'e' || next() == 'E') {
      ++at_;
      if (next() == '+' || next() == '-') ++at_;
      if (!some_digits()) return wrong("a number without digits");
    }
    return true;
  }

  bool some_digits() {
    const std::size_t from = at_;
    while (next() >= '0' && next() <= '9') ++at_;
    return at_ > from;
  }

  // `kept` gets the text with its escapes undone.
  bool text(std::string* kept) {
    if (kept) kept->clear();
    ++at_;
    while (at_ < json_.size()) {
      const auto byte = static_cast<unsigned char>(json_[at_]);
      if (byte == '"') return ++at_, true;
      if (byte < 0x20) return wrong("a control character in a text");
      if (byte == '\\') {
        if (!escape(kept)) return false;
        continue;
      }
      const std::size_t size = byte < 0x80 ? 1 : utf8_character(json_.substr(at_));
      if (size == 0) return wrong("not UTF-8");
      if (kept) kept->append(json_, at_, size);
      at_ += size;
    }
    return wrong("a text without an end");
  }

  bool escape(std::string* kept) {
    constexpr std::string_view names = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    const char c = at_ + 1 < json_.size() ? json_[at_ + 1] : '\0';
    if (const auto place = names.find(c); place != std::string_view::npos && c != '\0') {
      if (kept) *kept += meant[place];
      at_ += 2;
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !four_digits(at_ + 2, code)) return wrong("an unknown escape");
    at_ += 6;
    std::uint32_t low = 0;
    if (code >= 0xd800 && code < 0xdc00 && json_.substr(at_, 2) == "\\u" && four_digits(at_ + 2, low) && low >= 0xdc00 &&
        low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      at_ += 6;
    }
    if (kept) append(*kept, code);
    return true;
  }

  bool four_digits(std::size_t from, std::uint32_t& code) const {
    if (from + 4 > json_.size()) return false;
    code = 0;
    for (std::size_t i = from; i < from + 4; ++i) {
      const char c = json_[i];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return false;
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  static void append(std::string& to, std::uint32_t code) {
    const auto byte = [&](std::uint32_t value) { to += static_cast<char>(value); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) return byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f));
    if (code < 0x10000) return byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
    byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
  }

  char next() const { return at_ < json_.size() ? json_[at_] : '\0'; }
  void blanks() {
    while (at_ < json_.size() && (json_[at_] == ' ' || json_[at_] == '\t' || json_[at_] == '\n' || json_[at_] == '\r')) ++at_;
  }
  bool wrong(std::string_view what) { return fail("is not JSON: " + std::string(what) + " (byte " + std::to_string(at_) + ")"); }
  bool fail(std::string what) {
    why = std::move(what);
    return false;
  }

  std::string_view json_;
  std::size_t at_ = 0, began_ = 0;
  std::vector<Open> open_;
  std::string name_;
  Member member_ = none_;
  std::array<bool, member_names.size()> seen_{};
};

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::optional<EventTime> parse_event_time(std::string_view text) {
  using namespace std::chrono;
  // 2024-01-15T10:30:00[.123456]Z
  if (text.size() < 20 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  const auto y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2);
  const auto h = digits(text, 11, 2), mi = digits(text, 14, 2), s = digits(text, 17, 2);
  if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 59) return std::nullopt;
  const year_month_day date{year(*y), month(static_cast<unsigned>(*mo)), day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  long micros = 0;
  if (text.size() > 20) {
    const std::size_t count = text.size() - 21;
    if (text[19] != '.' || count == 0 || count > 9) return std::nullopt;
    const auto fraction = digits(text, 20, count);
    if (!fraction) return std::nullopt;
    micros = *fraction;
    for (std::size_t i = count; i < 6; ++i) micros *= 10;
    for (std::size_t i = count; i > 6; --i) micros /= 10;
  }
  return EventTime(sys_days(date) + hours(*h) + minutes(*mi) + seconds(*s) + microseconds(micros));
}

Result<EventView> view_event(std::string_view payload) {
  if (payload.empty()) return Error{"payload is empty"};
  Walk walk(payload);
  if (!walk.walk()) return Error{"payload " + walk.why};
  EventView view{walk.texts[event_], walk.texts[entity_],  walk.texts[subject_], walk.texts[timestamp_], {},
                 walk.slices[data_], walk.slices[before_], walk.slices[changed_]};
  if (view.event != "INSERT" && view.event != "UPDATE" && view.event != "DELETE" && view.event != "CUSTOM")
    return Error{"payload member event is none of INSERT, UPDATE, DELETE, CUSTOM"};
  const auto at = parse_event_time(view.timestamp);
  if (!at) return Error{"payload member timestamp is not ISO 8601 in UTC"};
  view.changed_at = *at;
  return view;
}

Result<EventView> view_event(std::string_view payload, std::string_view subject) {
  auto view = view_event(payload);
  if (view && view.value().subject != subject) return Error{"payload member subject is not the subject of the message"};
  return view;
}

}  // namespace fraiseql
