#include "executor/event_view.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <array>

namespace fraiseql {
namespace {

// PostgreSQL lets rows through that nest 6,000 levels; ours sit one level deeper.
constexpr std::size_t deepest = 16'384;

constexpr std::array<std::string_view, 7> member_names{"event", "entity", "subject", "timestamp", "data", "before", "changed"};
enum Member : std::size_t { event_, entity_, subject_, timestamp_, data_, before_, changed_, none_ };

/// Follows the parser and keeps the four texts at the top. Returning false stops the parser, with `why` set.
class Shape {
 public:
  std::array<std::string, 4> texts;
  std::string why;

  bool Null() { return scalar("null"); }
  bool Bool(bool) { return scalar("a boolean"); }
  bool Int(int) { return scalar("a number"); }
  bool Uint(unsigned) { return scalar("a number"); }
  bool Int64(std::int64_t) { return scalar("a number"); }
  bool Uint64(std::uint64_t) { return scalar("a number"); }
  bool Double(double) { return scalar("a number"); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return scalar("a number"); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 0) return fail("is not a JSON object");
    if (depth_ == 1 && member_ <= timestamp_) texts[member_].assign(text, size);
    if (depth_ == 1 && member_ == changed_) return fail("member changed is not an array");
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ != 1) return true;
    const std::string_view name(text, size);
    for (std::size_t i = 0; i < member_names.size(); ++i) {
      if (member_names[i] != name) continue;
      if (seen_[i]) return fail("member " + std::string(name) + " twice");
      seen_[i] = true;
      member_ = static_cast<Member>(i);
      return true;
    }
    return fail("unknown member " + std::string(name.substr(0, 64)));
  }
  bool StartObject() {
    if (depth_ == 1 && (member_ <= timestamp_ || member_ == changed_)) return wrong("an object");
    if (depth_ == 2 && member_ == changed_) return fail("member changed holds something else than texts");
    return deeper();
  }
  bool EndObject(rapidjson::SizeType) { return --depth_, true; }
  bool StartArray() {
    if (depth_ == 0) return fail("is not a JSON object");
    if (depth_ == 1 && member_ <= timestamp_) return wrong("an array");
    if (depth_ == 2 && member_ == changed_) return fail("member changed holds something else than texts");
    return deeper();
  }
  bool EndArray(rapidjson::SizeType) { return --depth_, true; }

  bool complete() {
    for (std::size_t i = 0; i <= data_; ++i)
      if (!seen_[i]) return fail("member " + std::string(member_names[i]) + " is missing");
    return true;
  }
  bool fail(std::string what) {
    why = std::move(what);
    return false;
  }

 private:
  bool scalar(std::string_view what) {
    if (depth_ == 0) return fail("is not a JSON object");
    if (depth_ == 1 && (member_ <= timestamp_ || member_ == changed_)) return wrong(what);
    if (depth_ == 2 && member_ == changed_) return fail("member changed holds something else than texts");
    return true;
  }
  bool wrong(std::string_view what) { return fail("member " + std::string(member_names[member_]) + " is " + std::string(what)); }
  bool deeper() { return ++depth_ <= deepest || fail("nests deeper than " + std::to_string(deepest) + " levels"); }

  std::size_t depth_ = 0;
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

std::optional<std::chrono::system_clock::time_point> parse_timestamp(std::string_view text) {
  using namespace std::chrono;
  // 2024-01-15T10:30:00[.123456]Z
  if (text.size() < 20 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const auto y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2);
  const auto h = digits(text, 11, 2), mi = digits(text, 14, 2), s = digits(text, 17, 2);
  if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 59) return std::nullopt;
  const year_month_day date{year(*y), month(static_cast<unsigned>(*mo)), day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  long nanos = 0;
  if (text.size() > 20) {
    const std::size_t count = text.size() - 21;
    if (text[19] != '.' || count == 0 || count > 9) return std::nullopt;
    const auto fraction = digits(text, 20, count);
    if (!fraction) return std::nullopt;
    nanos = *fraction;
    for (std::size_t i = count; i < 9; ++i) nanos *= 10;
  }
  return time_point_cast<system_clock::duration>(sys_days(date) + hours(*h) + minutes(*mi) + seconds(*s) + nanoseconds(nanos));
}

Result<EventView> view_event(std::string_view payload, std::string_view subject) {
  if (payload.empty()) return Error{"payload is empty"};
  Shape shape;
  rapidjson::MemoryStream stream(payload.data(), payload.size());
  rapidjson::Reader reader;
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag;
  const auto parsed = reader.Parse<flags>(stream, shape);
  if (parsed.IsError() && !shape.why.empty()) return Error{"payload " + shape.why};
  if (parsed.IsError())
    return Error{"payload is not JSON: " + std::string(rapidjson::GetParseError_En(parsed.Code())) + " (byte " + std::to_string(parsed.Offset()) + ")"};
  // A zero byte looks like the end to the parser.
  if (stream.Tell() != payload.size()) return Error{"payload is not JSON: bytes follow the object"};
  if (!shape.complete()) return Error{"payload " + shape.why};
  EventView view{shape.texts[event_], shape.texts[entity_], shape.texts[subject_], shape.texts[timestamp_], {}};
  if (view.event != "INSERT" && view.event != "UPDATE" && view.event != "DELETE" && view.event != "CUSTOM")
    return Error{"payload member event is none of INSERT, UPDATE, DELETE, CUSTOM"};
  if (view.subject != subject) return Error{"payload member subject is not the subject of the message"};
  const auto at = parse_timestamp(view.timestamp);
  if (!at) return Error{"payload member timestamp is not ISO 8601 in UTC"};
  view.changed_at = *at;
  return view;
}

}  // namespace fraiseql
