#include "cli/letter_text.hpp"

#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>

#include <array>
#include <optional>

#include "cli/terminal.hpp"
#include "common/base64.hpp"
#include "common/nats/server_time.hpp"
#include "common/nats/streams.hpp"
#include "common/text.hpp"

namespace fraiseql {
namespace {

constexpr unsigned reading = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag;

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// Lays JSON out again; numbers keep their digits.
struct LaidOut : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, LaidOut> {
  explicit LaidOut(rapidjson::StringBuffer& buffer) : writer(buffer) { writer.SetIndent(' ', 2); }
  bool Null() { return writer.Null(); }
  bool Bool(bool value) { return writer.Bool(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return writer.RawValue(text, size, rapidjson::kNumberType); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return writer.String(text, size); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return writer.Key(text, size); }
  bool StartObject() { return writer.StartObject(); }
  bool EndObject(rapidjson::SizeType size) { return writer.EndObject(size); }
  bool StartArray() { return writer.StartArray(); }
  bool EndArray(rapidjson::SizeType size) { return writer.EndArray(size); }
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer;
};

struct Nowhere : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Nowhere> {
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return true; }
};

template <class Handler>
bool walks(std::string_view json, Handler& handler) {
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  return !json.empty() && !reader.Parse<reading>(stream, handler).IsError() && stream.Tell() == json.size();
}

std::optional<std::string> laid_out(std::string_view json) {
  rapidjson::StringBuffer buffer;
  LaidOut handler(buffer);
  if (!walks(json, handler)) return std::nullopt;
  return std::string(buffer.GetString(), buffer.GetSize());
}

bool is_json(std::string_view text) {
  Nowhere handler;
  return walks(text, handler);
}

std::string who(const LetterFacts& facts) {
  return facts.observer.empty() ? "-" : facts.observer + (facts.action.empty() ? "" : "/" + facts.action);
}

bool is_number(const std::string& text) { return !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == text.npos; }

constexpr std::array<std::size_t, 7> widths{8, 20, 15, 16, 22, 5, 36};

}  // namespace

std::string list_heading() {
  const std::array<const char*, 7> names{"NUMBER", "FAILED AT", "REASON", "ENTITY", "OBSERVER/ACTION", "TRIES", "EVENT"};
  std::string line;
  for (std::size_t i = 0; i < names.size(); ++i) line += padded(names[i], widths[i]) + "  ";
  return line + "ERROR";
}

std::string list_line(const LetterFacts& facts, std::size_t width) {
  const auto or_dash = [](const std::string& text) { return text.empty() ? std::string("-") : harmless(text); };
  // The second is enough here; all of it is in `show`.
  const std::string at = facts.failed_at.size() > 19 ? facts.failed_at.substr(0, 19) + "Z" : facts.failed_at;
  const std::array<std::string, 7> cells{std::to_string(facts.number),  or_dash(at),          or_dash(facts.reason),   or_dash(facts.entity),
                                         harmless(who(facts)), or_dash(facts.attempts), or_dash(facts.event_id)};
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += padded(cells[i], widths[i]) + "  ";
  const std::size_t used = columns(line);
  return line + cut(harmless(facts.error), width > used + 20 ? width - used : 20);
}

std::string json_text(std::string_view text) { return nats::json_quoted(as_utf8(text)); }

std::string json_members_of(const LetterFacts& facts) {
  const auto text = [](const std::string& value) { return value.empty() ? std::string("null") : json_text(value); };
  const auto number = [](const std::string& value) { return is_number(value) ? value : std::string("null"); };
  return "\"number\":" + std::to_string(facts.number) + ",\"failed_at\":" + text(facts.failed_at) + ",\"reason\":" + text(facts.reason) +
         ",\"entity\":" + text(facts.entity) + ",\"operation\":" + text(facts.operation) + ",\"observer\":" + text(facts.observer) +
         ",\"action\":" + number(facts.action) + ",\"attempts\":" + number(facts.attempts) + ",\"http_status\":" + number(facts.http_status) +
         ",\"error\":" + text(facts.error) + ",\"event_id\":" + text(facts.event_id) + ",\"stream_seq\":" + number(facts.stream_seq);
}

std::string full_text(const ShownLetter& letter) {
  const LetterFacts& facts = letter.facts;
  std::string made;
  const auto fact = [&](const char* name, const std::string& value) {
    if (!value.empty()) made += padded(name, 13) + harmless(value) + "\n";
  };
  fact("number", std::to_string(facts.number));
  fact("reason", facts.reason);
  fact("failed at", facts.failed_at);
  fact("stored at", nats::rfc3339(letter.stored_at_ns));
  fact("entity", facts.entity);
  fact("operation", facts.operation);
  fact("observer", facts.observer);
  fact("action", facts.action);
  fact("attempts", facts.attempts);
  fact("HTTP status", facts.http_status);
  fact("error", facts.error);
  fact("event id", facts.event_id);
  fact("stream seq", facts.stream_seq);
  fact("subject", letter.subject);
  made += "headers\n";
  for (const auto& [name, value] : letter.headers) made += "  " + harmless(name) + ": " + harmless(value) + "\n";
  made += "payload (" + std::to_string(letter.payload.size()) + " bytes)\n";
  const auto pretty = laid_out(letter.payload);
  return made + (pretty ? *pretty : harmless(letter.payload, true)) + "\n";
}

std::string full_json(const ShownLetter& letter) {
  std::string made = "{" + json_members_of(letter.facts) +
                     ",\"subject\":" + (letter.subject.empty() ? "null" : json_text(letter.subject)) + ",\"stored_at\":" +
                     json_text(nats::rfc3339(letter.stored_at_ns)) + ",\"headers\":{";
  bool first = true;
  for (const auto& [name, value] : letter.headers) {
    made += (std::exchange(first, false) ? "" : ",") + json_text(name) + ":" + json_text(value);
  }
  made += "},";
  // As its own bytes: numbers keep their digits.
  if (is_json(letter.payload)) made += "\"payload\":" + letter.payload;
  else if (is_utf8(letter.payload)) made += "\"payload_text\":" + json_text(letter.payload);
  else made += "\"payload_base64\":" + json_text(to_base64(letter.payload));
  return made + "}";
}

}  // namespace fraiseql
