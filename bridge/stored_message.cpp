#include "bridge/stored_message.hpp"

#include <openssl/evp.h>
#include <rapidjson/document.h>

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
  const std::string_view encoded(message["hdrs"].GetString(), message["hdrs"].GetStringLength());
  std::string block(encoded.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(block.data()), reinterpret_cast<const unsigned char*>(encoded.data()),
                                   static_cast<int>(encoded.size()));
  block.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return block;
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
