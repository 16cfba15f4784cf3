#include "common/nats/dead_letters.hpp"

#include <rapidjson/document.h>

#include <charconv>
#include <chrono>

#include "common/base64.hpp"
#include "common/errors.hpp"
#include "common/nats/handles.hpp"
#include "common/nats/header_block.hpp"
#include "common/nats/scan.hpp"
#include "common/nats/server_time.hpp"
#include "common/subject.hpp"

namespace fraiseql::nats {
namespace {

constexpr int no_message = 10037;
constexpr int stream_not_found = 10059;

std::vector<std::pair<std::string, std::string>> headers_of(natsMsg* message) {
  std::vector<std::pair<std::string, std::string>> headers;
  const char** names = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message, &names, &count) != NATS_OK) return headers;
  for (int i = 0; i < count; ++i) {
    const char* value = nullptr;
    if (natsMsgHeader_Get(message, names[i], &value) == NATS_OK) headers.emplace_back(names[i], value ? value : "");
  }
  free(static_cast<void*>(names));  // the array is ours, the names are the message's
  return headers;
}

std::string decoded(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    unsigned value = 0;
    if (token[i] == '%' && i + 2 < token.size() &&
        std::from_chars(token.data() + i + 1, token.data() + i + 3, value, 16).ptr == token.data() + i + 3) {
      text += static_cast<char>(value);
      i += 2;
    } else {
      text += token[i];
    }
  }
  return text;
}

}  // namespace

std::string_view StoredLetter::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

std::string StoredLetter::text(std::string_view name) const {
  std::string value(header(name));
  for (std::size_t at = 4; (at = value.find("%2D", at)) != value.npos; ++at) {
    std::string before = value.substr(at - 4, 4);
    for (char& c : before) c = static_cast<char>(c | 0x20);
    if (before == "nats") value.replace(at, 3, "-");
  }
  return value;
}

std::optional<StoredLetter> DeadLetterStream::get(std::uint64_t wanted) const {
  const ApiAnswer answer = link_.api("STREAM.MSG.GET." + name(), "{\"seq\":" + std::to_string(wanted) + "}");
  if (answer.err_code == no_message || answer.err_code == stream_not_found) return std::nullopt;
  if (answer.failed()) throw Unavailable("read letter " + std::to_string(wanted) + ": " + answer.description);
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(answer.json.data(), answer.json.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("message") || !document["message"].IsObject())
    throw Unavailable("read letter " + std::to_string(wanted) + ": an answer without message");
  const auto& message = document["message"];
  const auto text = [&](const char* member) -> std::string_view {
    const auto found = message.FindMember(member);
    if (found == message.MemberEnd() || !found->value.IsString()) return {};
    return {found->value.GetString(), found->value.GetStringLength()};
  };
  auto headers = from_base64(text("hdrs")), data = from_base64(text("data"));
  if (!headers || !data) throw Unavailable("JetStream sent what is not base64");
  return StoredLetter{wanted, unix_ns(text("time")), std::string(text("subject")), parse_header_block(*headers), std::move(*data)};
}

bool DeadLetterStream::remove(std::uint64_t wanted) const {
  const ApiAnswer answer =
      link_.api("STREAM.MSG.DELETE." + name(), "{\"seq\":" + std::to_string(wanted) + ",\"no_erase\":true}");
  if (!answer.failed()) return true;
  // Servers have several words for a message that is not there.
  if (!get(wanted)) return false;
  throw Unavailable("remove letter " + std::to_string(wanted) + ": " + answer.description);
}

void DeadLetterStream::each(const LetterFilter& filter, const std::function<bool(const StoredLetter&)>& visit) const {
  const auto there = info();
  if (!there || there->messages == 0 || filter.after_number >= there->last_seq) return;
  std::string subject;
  if (!filter.entity.empty()) subject = config_.dlq_subject_prefix + "." + entity_token(filter.entity).value_or("_") + ".*";
  std::uint64_t visited = 0;
  scan(link_, name(), {subject, filter.after_number, filter.from_time}, [&](const Scanned& message) {
    if (message.seq > there->last_seq) return false;
    const StoredLetter letter{message.seq, message.stored_at_ns, message.subject, headers_of(message.raw), ""};
    const bool wanted = letter.number > filter.after_number &&
                        (filter.observer.empty() || letter.text("Fraiseql-Dlq-Observer") == filter.observer) &&
                        (filter.reason.empty() || letter.header("Fraiseql-Dlq-Reason") == filter.reason);
    return !wanted || (visit(letter) && ++visited != filter.limit);
  });
}

std::string DeadLetterStream::entity_of(const StoredLetter& letter) const {
  std::string_view tail = letter.subject;
  if (tail.starts_with(config_.dlq_subject_prefix + ".")) tail.remove_prefix(config_.dlq_subject_prefix.size() + 1);
  return decoded(tail.substr(0, tail.find('.')));
}

std::string DeadLetterStream::operation_of(const StoredLetter& letter) const {
  const auto dot = letter.subject.rfind('.');
  return dot == std::string::npos ? std::string() : decoded(letter.subject.substr(dot + 1));
}

}  // namespace fraiseql::nats
