#include "executor/delivery.hpp"

#include <rapidjson/document.h>

#include <charconv>

#include "common/base64.hpp"
#include "common/nats/header_block.hpp"
#include "common/nats/server_time.hpp"

namespace fraiseql {
namespace {

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  std::size_t from = 0;
  while (true) {
    const std::size_t at = text.find(by, from);
    parts.push_back(text.substr(from, at - from));
    if (at == std::string_view::npos) return parts;
    from = at + 1;
  }
}

template <class Number>
bool read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::optional<Delivery> parse_ack_subject(std::string_view subject) {
  const auto parts = split(subject, '.');
  if (parts.size() < 9 || parts.size() == 10 || parts[0] != "$JS" || parts[1] != "ACK") return std::nullopt;
  const std::size_t from = parts.size() == 9 ? 4 : 6;  // of the number of deliveries
  Delivery delivery;
  if (!read(parts[from], delivery.deliveries) || !read(parts[from + 1], delivery.stream_seq) ||
      !read(parts[from + 2], delivery.consumer_seq) || !read(parts[from + 3], delivery.stored_at_ns))
    return std::nullopt;
  if (!read(parts[from + 4], delivery.pending)) return std::nullopt;
  return delivery;
}

std::string made_up_ack(std::string_view stream, std::string_view consumer, std::uint64_t deliveries, std::uint64_t stream_seq) {
  const std::string seq = std::to_string(stream_seq);
  return "$JS.ACK." + std::string(stream) + "." + std::string(consumer) + "." + std::to_string(deliveries) + "." + seq + "." +
         seq + ".1.0";
}

std::string_view StoredMessage::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

Result<StoredMessage> parse_stored_message(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("message") || !document["message"].IsObject())
    return Error{"no message in the answer"};
  const auto& member = document["message"];
  const auto text = [&](const char* name) -> std::string_view {
    const auto found = member.FindMember(name);
    if (found == member.MemberEnd() || !found->value.IsString()) return {};
    return {found->value.GetString(), found->value.GetStringLength()};
  };
  StoredMessage message;
  message.subject = text("subject");
  const auto payload = from_base64(text("data"));
  const auto headers = from_base64(text("hdrs"));
  if (message.subject.empty() || !payload || !headers || !member.HasMember("seq") || !member["seq"].IsUint64())
    return Error{"a message that cannot be read in the answer"};
  message.payload = *payload;
  message.headers = nats::parse_header_block(*headers);
  message.stream_seq = member["seq"].GetUint64();
  message.stored_at_ns = nats::unix_ns(text("time"));
  return message;
}

Stored parse_stored(std::string_view json) {
  Stored stored;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return {0, 500, 0, "an answer that is not a JSON object", false};
  const auto number = [](const rapidjson::Value& object, const char* name) -> std::uint64_t {
    const auto found = object.FindMember(name);
    return found != object.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
  };
  stored.seq = number(document, "seq");
  const auto duplicate = document.FindMember("duplicate");
  stored.duplicate = duplicate != document.MemberEnd() && duplicate->value.IsBool() && duplicate->value.GetBool();
  const auto error = document.FindMember("error");
  if (error == document.MemberEnd() || !error->value.IsObject()) return stored;
  stored.code = static_cast<int>(number(error->value, "code"));
  if (stored.code == 0) stored.code = 500;
  stored.err_code = static_cast<int>(number(error->value, "err_code"));
  const auto text = error->value.FindMember("description");
  if (text != error->value.MemberEnd() && text->value.IsString()) stored.description = text->value.GetString();
  return stored;
}

}  // namespace fraiseql
