#include "common/mail_address.hpp"

#include <algorithm>

namespace fraiseql {
namespace {

constexpr std::size_t most_addresses = 100;     // what every mail server has to take of one message
constexpr std::size_t longest_address = 254;    // RFC 5321
constexpr std::size_t longest_local_part = 64;  // likewise

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_atoms(std::string_view text, std::string_view marks) {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return is_alnum(c) || c == '.' || marks.find(c) != marks.npos; });
}

bool is_address(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == text.npos || text.size() > longest_address || at > longest_local_part) return false;
  const std::string_view domain = text.substr(at + 1);
  if (!is_atoms(text.substr(0, at), "!#$%&'*+-/=?^_`{|}~")) return false;
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']')
    return is_atoms(domain.substr(1, domain.size() - 2), ":");
  return is_atoms(domain, "-");
}

// For messages: what was found may be long, and hold anything.
std::string shown(std::string_view text) {
  std::string made(text.substr(0, 80));
  for (char& c : made)
    if (!is_plain(c)) c = '?';
  return "'" + made + "'";
}

Result<MailAddress> parse_address(std::string_view text) {
  MailAddress made;
  if (const auto open = text.rfind('<'); open != text.npos && text.back() == '>') {
    made.address = trimmed(text.substr(open + 1, text.size() - open - 2));
    std::string_view name = trimmed(text.substr(0, open));
    const bool quoted = name.size() >= 2 && name.front() == '"' && name.back() == '"';
    if (quoted) name = name.substr(1, name.size() - 2);
    for (std::size_t i = 0; i < name.size(); ++i) {
      if (quoted && name[i] == '\\' && i + 1 < name.size()) ++i;
      made.name += name[i];
    }
  } else {
    made.address = text;
  }
  if (!is_address(made.address)) return Error{"not a mail address: " + shown(text)};
  return made;
}

}  // namespace

Result<std::vector<MailAddress>> parse_addresses(std::string_view text) {
  std::vector<MailAddress> made;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && quoted && text[i] == '\\') {
      ++i;
      continue;
    }
    if (i < text.size() && text[i] == '"') quoted = !quoted;
    if (i < text.size() && (quoted || text[i] != ',')) continue;
    const std::string_view one = trimmed(text.substr(begin, i - begin));
    begin = i + 1;
    if (one.empty()) continue;
    auto address = parse_address(one);
    if (!address) return address.error();
    made.push_back(std::move(address).value());
    if (made.size() > most_addresses) return Error{"more than " + std::to_string(most_addresses) + " mail addresses"};
  }
  if (made.empty()) return Error{"no mail address in " + shown(text)};
  return made;
}

}  // namespace fraiseql
