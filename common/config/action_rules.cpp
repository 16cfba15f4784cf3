#include "common/config/action_rules.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base64.hpp"
#include "common/config/rules.hpp"
#include "common/mail_address.hpp"
#include "common/sql_name.hpp"
#include "common/text.hpp"

namespace fraiseql::config {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr const char* no_address = "must be a mail address such as name@example.org";

/// What stands between the commas that are outside of quotes.
std::vector<std::string> split_addresses(const std::string& text) {
  std::vector<std::string> addresses{""};
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (text[at] == ',' && !quoted) {
      addresses.emplace_back();
      continue;
    }
    addresses.back() += text[at];
    if (quoted && text[at] == '\\' && at + 1 < text.size()) addresses.back() += text[++at];
  }
  return addresses;
}

bool is_mail_address(const std::string& text) {
  const auto found = printable(text).empty() ? parse_addresses(text) : Result<std::vector<MailAddress>>(Error{""});
  return found && found.value().size() == 1;
}

}  // namespace

std::string without_templates(const std::string& value) {
  std::string out;
  for (std::size_t at = 0; at < value.size();) {
    const auto begin = std::min(value.find("{{", at), value.size());
    out.append(value, at, begin - at);
    if (begin == value.size()) break;
    out += 'x';
    const auto end = value.find("}}", begin + 2);
    at = end == value.npos ? value.size() : end + 2;
  }
  return out;
}

std::string multiline(const std::string& value) {
  for (const char c : value)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
      return "must not contain control characters other than tabs and line breaks";
  return {};
}

std::string variable_name(const std::string& value) {
  const bool fits = !value.empty() && !is_digit(value.front()) &&
                    std::ranges::all_of(value, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
  return fits ? "" : "must be the name of a variable";
}

std::string secret_variable(const std::string& value) {
  // Else the message that it is not set would show the secret.
  return value.starts_with("whsec_") ? "must be the name of a variable, not the secret itself" : variable_name(value);
}

std::string signing_secret(const std::string& value) {
  if (value.empty()) return "is empty";
  if (!printable(value).empty()) return "must not contain control characters";
  if (!value.starts_with("whsec_")) return {};
  const auto key = from_base64(std::string_view(value).substr(6));
  return key && !key->empty() ? "" : "is not base64 after whsec_";
}

std::string mail_address(const std::string& value) {
  const auto all = split_addresses(value);
  return all.size() == 1 && is_mail_address(all.front()) ? "" : no_address;
}

std::string mail_addresses(const std::string& value) {
  const auto all = split_addresses(value);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (!is_mail_address(all[i])) return (all.size() == 1 ? "" : "element " + std::to_string(i + 1) + ": ") + no_address;
  return {};
}

std::string mail_receivers(const std::string& value) {
  return value.find("{{") == value.npos ? mail_addresses(value) : "holds a template: write it as to_template";
}

std::string plain_subject(const std::string& value) {
  return value.find("{{") == value.npos ? printable(value) : "holds a template: write it as subject_template";
}

std::string function_name(const std::string& value) {
  if (auto wrong = printable(value); !wrong.empty()) return wrong;
  const auto name = quoted_name(value);
  return name ? "" : name.error().what;
}

std::string cache_key(const std::string& value) { return printable(value); }

std::string nats_subject(const std::string& value) { return subject_prefix(without_templates(value)); }

bool is_header_name(const std::string& name) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && name.size() <= 255 &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || marks.find(c) != marks.npos; });
}

bool is_own_header(std::string_view name) {
  // The last ones belong to the framing of the request: overridden, they would smuggle.
  static constexpr std::array<std::string_view, 11> names{"host",
                                                          "webhook-id",
                                                          "webhook-timestamp",
                                                          "webhook-signature",
                                                          "content-length",
                                                          "transfer-encoding",
                                                          "connection",
                                                          "expect",
                                                          "upgrade",
                                                          "te",
                                                          "trailer"};
  const std::string lower = lower_case(name);
  return lower.starts_with("fraiseql-") || lower.starts_with("x-fraiseql-signature") ||
         std::ranges::find(names, lower) != names.end();
}

}  // namespace fraiseql::config
