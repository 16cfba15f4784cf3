#include "executor/actions/webhook_headers.hpp"

#include "executor/language/escape.hpp"

namespace fraiseql {

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

std::vector<std::string> webhook_headers(const std::string& observer, const StoredMessage& message, unsigned attempt,
                                         std::int64_t unix_seconds) {
  std::vector<std::string> headers;
  headers.push_back(header_line("webhook-id", event_id(message)));
  headers.push_back(header_line("webhook-timestamp", std::to_string(unix_seconds)));
  if (const auto pk = message.header("Fraiseql-Pk"); !pk.empty()) headers.push_back(header_line("Fraiseql-Pk", pk));
  headers.push_back(header_line("Fraiseql-Observer", observer));
  headers.push_back(header_line("Fraiseql-Attempt", std::to_string(attempt)));
  return headers;
}

}  // namespace fraiseql
