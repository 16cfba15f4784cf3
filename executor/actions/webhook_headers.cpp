#include "executor/actions/webhook_headers.hpp"

#include <algorithm>
#include <array>

#include "executor/language/escape.hpp"

namespace fraiseql {
namespace {

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return made;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f; }

std::string line(std::string_view name, std::string_view value) { return header_line(name, value); }

bool ours(const std::string& lower_name) {
  // The last ones belong to the framing of the request: overridden, they would smuggle.
  static constexpr std::array<std::string_view, 12> names{"host",
                                                          "webhook-id",
                                                          "webhook-timestamp",
                                                          "webhook-signature",
                                                          "x-fraiseql-signature-256",
                                                          "content-type",
                                                          "content-length",
                                                          "transfer-encoding",
                                                          "connection",
                                                          "expect",
                                                          "upgrade",
                                                          "te"};
  return lower_name.rfind("fraiseql-", 0) == 0 || std::find(names.begin(), names.end(), lower_name) != names.end();
}

}  // namespace

std::string event_id(const StoredMessage& message) {
  const auto id = message.header("Nats-Msg-Id");
  if (!id.empty()) return std::string(id);
  return "seq-" + std::to_string(message.stream_seq) + "-" + std::to_string(message.stored_at_ns);
}

std::string header_line(std::string_view name, std::string_view value) {
  std::string made(name);
  // One that is blank is written with a semicolon, or libcurl takes it for a removal.
  if (value.find_first_not_of(' ') == value.npos) return made + ";";
  made += ": ";
  // Values of messages come from elsewhere: a control byte in one must not end the line.
  escape::line(made, value);
  return made;
}

bool is_ours(std::string_view name) { return ours(lower(name)); }

std::vector<std::string> webhook_headers(const std::string& observer, const StoredMessage& message, unsigned attempt,
                                         std::int64_t unix_seconds) {
  std::vector<std::string> headers;
  headers.push_back(line("webhook-id", event_id(message)));
  headers.push_back(line("webhook-timestamp", std::to_string(unix_seconds)));
  if (const auto pk = message.header("Fraiseql-Pk"); !pk.empty()) headers.push_back(line("Fraiseql-Pk", pk));
  headers.push_back(line("Fraiseql-Observer", observer));
  headers.push_back(line("Fraiseql-Attempt", std::to_string(attempt)));
  return headers;
}

std::string header_mistake(std::string_view name, std::string_view value) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  if (name.empty()) return "a header without a name";
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos))
      return "not a header's name: " + std::string(name);
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; }))
    return "the value of header " + std::string(name) + " holds a control character";
  return {};
}

}  // namespace fraiseql
