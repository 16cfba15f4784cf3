#include "executor/delivery.hpp"

#include <openssl/evp.h>
#include <rapidjson/document.h>

#include <charconv>

#include "executor/event_view.hpp"

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

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  // EVP_DecodeBlock counts the padding as bytes.
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
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

Headers parse_header_block(std::string_view block) {
  Headers headers;
  bool first = true;
  for (auto line : split(block, '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const auto colon = line.find(':');
    if (!std::exchange(first, false) && colon != std::string_view::npos) {
      auto value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
      headers.emplace_back(line.substr(0, colon), value);
    }
  }
  return headers;
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
  message.headers = parse_header_block(*headers);
  message.stream_seq = member["seq"].GetUint64();
  message.stored_at_ns = parse_server_time(text("time"));
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

std::int64_t parse_server_time(std::string_view text) {
  const auto at = parse_event_time(text);
  return at ? std::chrono::duration_cast<std::chrono::nanoseconds>(at->time_since_epoch()).count() : 0;
}

}  // namespace fraiseql
