#include "common/config/action_rules.hpp"

#include <algorithm>
#include <vector>

#include "common/config/rules.hpp"

namespace fraiseql::config {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// One identifier as PostgreSQL takes it, at the beginning of `text`; its length, or 0. `name_bytes`: without quotes.
std::size_t identifier(const std::string& text, std::size_t begin, std::size_t& name_bytes) {
  const auto high = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  std::size_t at = begin;
  name_bytes = 0;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size(); ++at, ++name_bytes) {
      if (text[at] != '"') continue;
      if (at + 1 == text.size() || text[at + 1] != '"') return name_bytes == 0 ? 0 : at + 1 - begin;
      ++at;  // a doubled one stands for itself
    }
    return 0;
  }
  if (at == text.size() || !(is_letter(text[at]) || text[at] == '_' || high(text[at]))) return 0;
  while (at < text.size() && (is_letter(text[at]) || is_digit(text[at]) || text[at] == '_' || text[at] == '$' || high(text[at])))
    ++at;
  name_bytes = at - begin;
  return name_bytes;
}

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

/// `name@example.org` or `Name <name@example.org>`.
bool is_mail_address(const std::string& text) {
  static constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~.";
  if (!printable(text).empty()) return false;
  const auto begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  std::string address = begin == text.npos ? "" : text.substr(begin, end + 1 - begin);
  if (const auto open = address.rfind('<'); open != address.npos && address.ends_with('>'))
    address = address.substr(open + 1, address.size() - open - 2);
  const auto at = address.rfind('@');
  if (at == address.npos || at > 64 || address.size() > 254) return false;
  const std::string local = address.substr(0, at), domain = address.substr(at + 1);
  for (const char c : local)
    if (!is_letter(c) && !is_digit(c) && marks.find(c) == marks.npos) return false;
  for (const char c : domain)
    if (!is_letter(c) && !is_digit(c) && c != '.' && c != '-') return false;
  for (const std::string& part : {local, domain})
    if (part.empty() || part.starts_with('.') || part.ends_with('.') || part.find("..") != part.npos) return false;
  return true;
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
  std::string_view base64 = std::string_view(value).substr(6);
  const bool whole = !base64.empty() && base64.size() % 4 == 0;
  for (int padding = 0; padding < 2 && base64.ends_with('='); ++padding) base64.remove_suffix(1);
  const bool fits = std::ranges::all_of(base64, [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '/'; });
  return whole && fits && !base64.empty() ? "" : "is not base64 after whsec_";
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
  std::size_t at = 0;
  for (int part = 1;; ++part) {
    std::size_t name_bytes = 0;
    const std::size_t length = identifier(value, at, name_bytes);
    // The server cuts off what is longer, with a notice only.
    if (name_bytes > 63) return "a name has at most 63 bytes";
    at += length;
    if (length == 0 || part > 2 || (at < value.size() && value[at] != '.'))
      return "must be the name of a function, such as notify or app.notify";
    if (at == value.size()) return {};
    ++at;
  }
}

std::string cache_key(const std::string& value) { return printable(value); }

std::string nats_subject(const std::string& value) { return subject_prefix(without_templates(value)); }

bool is_header_name(const std::string& name) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && name.size() <= 255 &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || marks.find(c) != marks.npos; });
}

}  // namespace fraiseql::config
