#include "cli/healthd_client.hpp"

#include <curl/curl.h>
#include <rapidjson/document.h>

#include <memory>

#include "common/text.hpp"

namespace fraiseql {
namespace {

constexpr long longest_wait_ms = 3000;
constexpr std::size_t longest_answer = 16 * 1024 * 1024;

struct Cleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

std::size_t take(char* data, std::size_t, std::size_t size, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size > longest_answer) return 0;  // ends the transfer
  text.append(data, size);
  return size;
}

std::string reachable(const std::string& address) {
  const auto colon = address.rfind(':');
  const std::string host = address.substr(0, colon), port = colon == std::string::npos ? "" : address.substr(colon);
  if (host.empty() || host == "*" || host == "0.0.0.0") return "127.0.0.1" + port;
  return (host == "[::]" || host == "::" ? "[::1]" : host) + port;
}

bool is_status(const std::string& body) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(body.data(), body.size());
  if (document.HasParseError() || !document.IsObject()) return false;
  for (const char* member : {"status", "reasons", "observers", "components", "healthd"})
    if (!document.HasMember(member)) return false;
  return document["status"].IsString();
}

}  // namespace

Result<std::string> ask_healthd(const std::string& address) {
  const std::unique_ptr<CURL, Cleanup> easy(curl_easy_init());
  if (!easy) return Error{"libcurl does not start"};
  const std::string url = "http://" + reachable(address) + "/status.json";
  std::string body;
  char error[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy.get(), option, value); };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP09_ALLOWED, 0L);
  set(CURLOPT_TIMEOUT_MS, longest_wait_ms);
  set(CURLOPT_ERRORBUFFER, error);
  set(CURLOPT_WRITEFUNCTION, take);
  set(CURLOPT_WRITEDATA, &body);
  if (const CURLcode code = curl_easy_perform(easy.get()); code != CURLE_OK)
    return Error{address + ": " + one_line(error[0] ? error : curl_easy_strerror(code))};
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return Error{address + ": HTTP " + std::to_string(status) + ", which a healthd of this version does not answer"};
  if (!is_status(body)) return Error{address + ": what answers there is no healthd"};
  while (!body.empty() && body.back() == '\n') body.pop_back();
  return body;
}

}  // namespace fraiseql
