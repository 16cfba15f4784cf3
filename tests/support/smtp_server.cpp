#include "tests/support/smtp_server.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "tests/support/programs.hpp"

namespace fraiseql::test {

SmtpServer::SmtpServer() : SmtpServer(Options{}) {}

SmtpServer::SmtpServer(Options options) : options_(std::move(options)), port_(free_port()) {
  if (options_.tls != Options::Tls::none) {
    const Finished made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                               "-keyout", (directory_ / "key.pem").string(), "-out", ca_file(), "-days", "2", "-subj",
                               "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"});
    if (made.status != 0) throw std::runtime_error("openssl: " + made.err);
  }
  start();
}

void SmtpServer::start() {
  const std::string tls = options_.tls == Options::Tls::tls        ? "tls"
                          : options_.tls == Options::Tls::starttls ? "starttls"
                                                                   : "none";
  child_.emplace(std::vector<std::string>{"/usr/bin/python3", std::string(SOURCE_DIR) + "/tests/support/smtp_server.py",
                                          directory_.path().string(), std::to_string(port_), tls, options_.user,
                                          options_.password});
  const auto ready = [this] {
    if (!child_->running()) throw std::runtime_error("the mail server did not start: " + child_->err());
    return child_->out().find("ready") != std::string::npos;
  };
  if (!eventually(ready)) throw std::runtime_error("the mail server is not ready: " + child_->err());
}

void SmtpServer::kill() {
  child_->kill();
  child_.reset();
}

std::vector<SmtpServer::Mail> SmtpServer::mails() const {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::exists(directory_ / "mails")) return {};
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "mails"))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Mail> all;
  for (const auto& file : files) {
    rapidjson::Document json;
    json.Parse(read_file(file).c_str());
    if (!json.IsObject()) throw std::runtime_error("not JSON: " + file.string());
    const auto text = [&](const char* name) { return std::string(json[name].GetString(), json[name].GetStringLength()); };
    Mail mail{text("from"),     {},
              text("subject"),  text("header_to"),
              text("reply_to"), text("message_id"),
              text("event_id"), text("auto_submitted"),
              text("pk"),       text("body"),
              text("raw"),      json["encrypted"].GetBool(),
              text("user")};
    for (const auto& to : json["to"].GetArray()) mail.to.emplace_back(to.GetString());
    all.push_back(std::move(mail));
  }
  return all;
}

std::size_t SmtpServer::connections() const {
  return std::filesystem::exists(directory_ / "connections") ? std::filesystem::file_size(directory_ / "connections") : 0;
}

}  // namespace fraiseql::test
