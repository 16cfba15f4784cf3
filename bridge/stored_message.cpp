#include "bridge/stored_message.hpp"

#include <rapidjson/document.h>

#include "common/base64.hpp"
#include "common/errors.hpp"

namespace fraiseql {

std::optional<std::string> stored_headers(const nats::Link& link, const std::string& stream, std::uint64_t seq) {
  constexpr int no_message = 10037;
  const nats::ApiAnswer answer = link.api("STREAM.MSG.GET." + stream, "{\"seq\":" + std::to_string(seq) + "}");
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

}  // namespace fraiseql
