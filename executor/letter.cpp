#include "executor/letter.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "common/text.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/nats_headers.hpp"

namespace fraiseql {
namespace {

constexpr std::size_t longest_token = 200;   // bytes; longer ones are the bridge's own dead letters
constexpr std::size_t longest_error = 1024;  // bytes

std::string iso(std::chrono::system_clock::time_point now) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(since / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string micros = std::to_string(since % 1'000'000 + 1'000'000).substr(1);
  return std::string(text, size) + "." + micros + "Z";
}

// Entity and operation, as tokens of the original's subject.
std::string tail_of(std::string_view subject, std::string_view prefix) {
  if (subject.substr(0, prefix.size()) == prefix && subject.size() > prefix.size() + 1) subject.remove_prefix(prefix.size() + 1);
  const auto first = subject.find('.'), last = subject.rfind('.');
  std::string entity(subject.substr(0, first));
  std::string operation = last == std::string_view::npos ? "_" : std::string(subject.substr(last + 1));
  if (entity.empty() || entity.size() > longest_token) entity = "_";
  if (operation.empty() || operation.size() > longest_token) operation = "_";
  return entity + "." + operation;
}

}  // namespace

Letter make_letter(const StoredMessage& message, const Cause& cause, std::string_view subject_prefix, std::string_view dlq_prefix,
                   std::int64_t max_payload, std::chrono::system_clock::time_point now) {
  const std::string id = event_id(message);
  Letter letter;
  letter.subject = std::string(dlq_prefix) + "." + tail_of(message.subject, subject_prefix);
  letter.payload = message.payload;
  auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) letter.headers.emplace_back(name, safe_header_value(value));
  };
  const std::string whom = cause.observer.empty() ? std::string(cause.reason) : cause.observer;
  letter.headers.emplace_back("Nats-Msg-Id", safe_header_value("dlq:" + id + ":" + whom + ":" + std::to_string(cause.action)));
  add("Fraiseql-Dlq-Reason", cause.reason);
  add("Fraiseql-Dlq-Observer", cause.observer);
  if (cause.action > 0) add("Fraiseql-Dlq-Action", std::to_string(cause.action));
  add("Fraiseql-Dlq-Attempts", std::to_string(cause.attempts));
  add("Fraiseql-Dlq-Error", std::string_view(cause.error).substr(0, longest_error));
  if (cause.http_status > 0) add("Fraiseql-Dlq-Http-Status", std::to_string(cause.http_status));
  add("Fraiseql-Dlq-Stream-Seq", std::to_string(message.stream_seq));
  add("Fraiseql-Dlq-Failed-At", iso(now));
  add("Fraiseql-Event-Id", message.header("Nats-Msg-Id"));
  const std::size_t ours = letter.headers.size();
  for (const auto& [name, value] : message.headers) {
    const std::string small = lower_case(name);
    if (steers_server(name) || small.rfind("fraiseql-dlq-", 0) == 0 || small == "fraiseql-event-id") continue;
    add(name, value);
  }

  const auto fits = [&] {
    // 65,535 bytes of headers is JetStream's own limit.
    return bytes_of(letter.headers) < 65'000 && bytes_of(letter.headers) + letter.payload.size() <=
                                                    static_cast<std::size_t>(std::max<std::int64_t>(max_payload, 4096));
  };
  if (fits()) return letter;
  std::erase_if(letter.headers, [&, place = std::size_t{0}](const auto& header) mutable {
    return place++ >= ours && header.first.rfind("Fraiseql-", 0) != 0;
  });
  if (fits()) return letter;
  letter.headers.resize(ours);
  if (fits()) return letter;
  letter.headers.emplace_back("Fraiseql-Dlq-Omitted-Bytes", std::to_string(letter.payload.size()));
  letter.payload.clear();
  return letter;
}

}  // namespace fraiseql
