#include "common/nats/stored_message.hpp"

#include <rapidjson/document.h>

#include "common/base64.hpp"
#include "common/errors.hpp"

namespace fraiseql::nats {

std::optional<std::string> stored_headers(const Link& link, const std::string& stream, std::uint64_t seq) {
  constexpr int no_message = 10037;
  const ApiAnswer answer = link.api("STREAM.MSG.GET." + stream, "{\"seq\":" + std::to_string(seq) + "}");
  if (answer.err_code == no_message || answer.code == 404) return std::nullopt;
  if (answer.failed()) throw Unavailable("STREAM.MSG.GET." + stream + ": " + answer.description);
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(answer.json.data(), answer.json.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("message") || !document["message"].IsObject())
    throw Unavailable("STREAM.MSG.GET." + stream + ": an answer without message");
  const auto& message = document["message"];
  if (!message.HasMember("hdrs") || !message["hdrs"].IsString()) return std::string();
  return from_base64({message["hdrs"].GetString(), message["hdrs"].GetStringLength()}).value_or(std::string());
}

std::string_view header_value(std::string_view block, std::string_view name) {
  std::size_t at = 0;
  while ((at = block.find("\r\n", at)) != std::string_view::npos) {
    at += 2;
    const std::string_view line = block.substr(at, block.find("\r\n", at) - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      std::string_view value = line.substr(name.size() + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      return value;
    }
  }
  return {};
}

bool holds(const Link& link, const std::string& stream, std::uint64_t seq, std::string_view id) {
  const auto block = seq > 0 ? stored_headers(link, stream, seq) : std::nullopt;
  return block && header_value(*block, "Nats-Msg-Id") == id;
}

bool has_lost(const Link& link, const std::string& stream, const StreamInfo& info, std::uint64_t seq, std::string_view id) {
  if (seq > info.last_seq) return true;
  if (seq < info.first_seq) return false;
  const auto block = stored_headers(link, stream, seq);
  return block ? header_value(*block, "Nats-Msg-Id") != id : seq == info.last_seq;
}

}  // namespace fraiseql::nats
