#include "tests/support/browser.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "common/base64.hpp"
#include "tests/support/child.hpp"
#include "tests/support/http.hpp"

namespace fraiseql::test {
namespace {

using namespace std::chrono_literals;
using rapidjson::Document;
using rapidjson::Value;

std::string quoted(const std::string& text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer>(buffer).String(text);
  return buffer.GetString();
}

std::string written(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return buffer.GetString();
}

}  // namespace

struct Browser::Impl {
  TempDir home;
  int port = free_port();
  std::optional<Child> driver;
  std::string session;

  /// A command of WebDriver; returns its `value`.
  Document call(const std::string& method, const std::string& path, const std::string& body = "{}") const {
    const HttpAnswer answer = http_raw(port, method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
                                                 std::to_string(method == "POST" ? body.size() : 0) + "\r\n\r\n" + (method == "POST" ? body : ""),
                                       60s);
    Document document;
    document.Parse(answer.body);
    if (answer.status != 200 || document.HasParseError() || !document.IsObject() || !document.HasMember("value"))
      throw std::runtime_error("chromedriver: " + method + " " + path + ": " + answer.body);
    Document value;
    value.CopyFrom(document["value"], value.GetAllocator());
    return value;
  }
  Document in_session(const std::string& path, const std::string& body = "{}") const { return call("POST", "/session/" + session + path, body); }
  void devtools(const std::string& command, const std::string& parameters) const {
    in_session("/goog/cdp/execute", "{\"cmd\":\"" + command + "\",\"params\":" + parameters + "}");
  }
};

Browser::Browser() : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  Child::Options options;
  options.environment = {{"HOME", self.home.path()}, {"XDG_CONFIG_HOME", self.home / "config"}, {"XDG_CACHE_HOME", self.home / "cache"}};
  self.driver.emplace(std::vector<std::string>{"/usr/bin/chromedriver", "--port=" + std::to_string(self.port)}, options);
  if (!eventually([&] { return http_get(self.port, "/status").status == 200; })) throw std::runtime_error("chromedriver does not answer: " + self.driver->err());
  // No sandbox: there is none for root nor in most containers, and the page is our own. The pipe ends Chromium with its driver.
  const Document made = self.call(
      "POST", "/session",
      "{\"capabilities\":{\"alwaysMatch\":{\"browserName\":\"chrome\",\"goog:loggingPrefs\":{\"browser\":\"ALL\",\"performance\":\"ALL\"},"
      "\"goog:chromeOptions\":{\"args\":[\"--headless=new\",\"--no-sandbox\",\"--remote-debugging-pipe\",\"--disable-gpu\",\"--disable-dev-shm-usage\","
      "\"--no-first-run\",\"--disable-background-networking\",\"--disable-component-update\",\"--lang=en-US\",\"--user-data-dir=" +
          (self.home / "profile").string() + "\"]}}}}");
  self.session = made["sessionId"].GetString();
}

Browser::~Browser() {
  try {
    impl_->call("DELETE", "/session/" + impl_->session);  // ends Chromium, too
  } catch (const std::exception&) {
  }
}

void Browser::open(const std::string& url) { impl_->in_session("/url", "{\"url\":" + quoted(url) + "}"); }

void Browser::reload() { impl_->in_session("/refresh"); }

std::string Browser::run(const std::string& script) {
  const Document value = impl_->in_session("/execute/sync", "{\"script\":" + quoted(script) + ",\"args\":[]}");
  return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : written(value);
}

void Browser::prefer(const std::string& colour_scheme, bool reduced_motion) {
  impl_->devtools("Emulation.setEmulatedMedia", "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"" + colour_scheme +
                                                    "\"},{\"name\":\"prefers-reduced-motion\",\"value\":\"" +
                                                    (reduced_motion ? "reduce" : "no-preference") + "\"}]}");
}

void Browser::resize(int width, int height) {
  impl_->devtools("Emulation.setDeviceMetricsOverride", "{\"width\":" + std::to_string(width) + ",\"height\":" + std::to_string(height) +
                                                            ",\"deviceScaleFactor\":1,\"mobile\":" + (width < 600 ? "true" : "false") + "}");
}

void Browser::click(const std::string& selector) {
  const Document found = impl_->in_session("/element", "{\"using\":\"css selector\",\"value\":" + quoted(selector) + "}");
  impl_->in_session(std::string("/element/") + found.MemberBegin()->value.GetString() + "/click");
}

void Browser::screenshot(const std::string& path) {
  const std::string height = run("return document.documentElement.scrollHeight"), width = run("return innerWidth");
  const Document value = impl_->in_session(
      "/goog/cdp/execute", "{\"cmd\":\"Page.captureScreenshot\",\"params\":{\"format\":\"png\",\"captureBeyondViewport\":true,\"clip\":{\"x\":0,\"y\":0,\"scale\":1,"
                           "\"width\":" + width + ",\"height\":" + height + "}}}");
  const auto bytes = from_base64(std::string(value["data"].GetString(), value["data"].GetStringLength()));
  if (!bytes) throw std::runtime_error("a screenshot is no base64");
  std::ofstream(path, std::ios::binary) << *bytes;
}

std::vector<std::string> Browser::console() {
  std::vector<std::string> lines;
  const Document entries = impl_->in_session("/se/log", R"({"type":"browser"})");
  for (const Value& entry : entries.GetArray()) lines.push_back(std::string(entry["level"].GetString()) + " " + entry["message"].GetString());
  return lines;
}

std::vector<std::string> Browser::requests() {
  std::vector<std::string> urls;
  const Document entries = impl_->in_session("/se/log", R"({"type":"performance"})");
  for (const Value& entry : entries.GetArray()) {
    Document event;
    event.Parse(entry["message"].GetString());
    if (event.HasParseError() || event["message"]["method"] != "Network.requestWillBeSent") continue;
    const Value& request = event["message"]["params"];
    if (std::string_view(request["documentURL"].GetString()).starts_with("chrome://")) continue;  // the browser's own first page
    urls.emplace_back(request["request"]["url"].GetString());
  }
  return urls;
}

}  // namespace fraiseql::test
