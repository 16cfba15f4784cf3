#include "common/config/reader.hpp"
#include "common/config/rules.hpp"

namespace fraiseql::config {
namespace {

/// What the variable holds that `email.<name>_env` names, or nothing.
std::string credential(const Node& table, Reader& reader, const Values& values, const std::string& name) {
  const std::string key = "email." + name + "_env";
  const std::string variable = take<std::string>(values, key, "");
  if (variable.empty()) return {};
  const Node& place = *table.find(name + "_env");
  const auto held = reader.variable(place, key, variable);
  if (!held) return {};
  if (const auto wrong = held->empty() ? "is empty" : printable(*held); !wrong.empty())
    reader.mistake(place, key, "the " + name + " in " + variable + " " + wrong);
  return *held;
}

}  // namespace

void read_email(const Node& table, Reader& reader, const Values& values, ActionSettings::Email& email) {
  for (const char* needed : {"host", "from"})
    if (!table.find(needed)) reader.mistake(table, "email." + std::string(needed), "is missing");
  email.host = take<std::string>(values, "email.host", "");
  email.port = static_cast<int>(take<std::int64_t>(values, "email.port", email.port));
  email.from = take<std::string>(values, "email.from", "");
  const auto tls = take<std::string>(values, "email.tls", "starttls");
  email.tls = tls == "tls"    ? ActionSettings::Email::Tls::tls
              : tls == "none" ? ActionSettings::Email::Tls::none
                              : ActionSettings::Email::Tls::starttls;
  email.username = credential(table, reader, values, "username");
  email.password = credential(table, reader, values, "password");
  const Node* username = table.find("username_env");
  const Node* password = table.find("password_env");
  if (username && !password) reader.mistake(*username, "email.username_env", "email.username_env needs email.password_env");
  if (password && !username) reader.mistake(*password, "email.password_env", "email.password_env needs email.username_env");
  if ((username || password) && tls == "none" && !email.host.empty() && !is_loopback(email.host))
    reader.mistake(*table.find("tls"), "email.tls",
                   "a password would go in clear text: use starttls or tls, or a host on loopback");
}

void read_redis(const Node& table, Reader& reader, const Values& values, std::string& url) {
  if (!table.find("url")) reader.mistake(table, "redis.url", "is missing");
  url = take<std::string>(values, "redis.url", "");
}

}  // namespace fraiseql::config
