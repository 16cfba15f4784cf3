#include "executor/actions/mail_message.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <ctime>

#include "common/base64.hpp"

namespace fraiseql {
namespace {

constexpr std::size_t longest_plain = 60;        // of a header's text in one line
constexpr std::size_t longest_word = 39;         // bytes in an encoded word; RFC 2047 allows 76 characters a line
constexpr std::size_t longest_quoted_line = 76;  // of quoted-printable
constexpr std::size_t longest_id = 200;          // of an event's id as it is
constexpr char hex[] = "0123456789ABCDEF";

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f; }
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string percent_encoded(std::string_view text) {
  std::string made;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '_') {
      made += c;
    } else {
      made += '%';
      made += hex[static_cast<unsigned char>(c) >> 4];
      made += hex[static_cast<unsigned char>(c) & 15];
    }
  }
  return made;
}

// A header line that a value of any length fits into.
std::string id_text(std::string_view id) {
  if (std::string made = percent_encoded(id); made.size() <= longest_id) return made;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(id.data(), id.size(), digest, &size, EVP_sha256(), nullptr);
  std::string made = "sha256-";
  for (unsigned i = 0; i < size; ++i) {
    made += hex[digest[i] >> 4];
    made += hex[digest[i] & 15];
  }
  return made;
}

std::string date(std::chrono::system_clock::time_point now) {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char clock[32];
  std::strftime(clock, sizeof clock, "%Y %H:%M:%S +0000", &parts);
  return std::string(days[parts.tm_wday]) + ", " + std::to_string(parts.tm_mday) + " " + months[parts.tm_mon] + " " + clock;
}

std::string address_text(const MailAddress& one) {
  if (one.name.empty()) return one.address;
  const std::string name = encoded_words(one.name);
  if (name != one.name) return name + " <" + one.address + ">";
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\" <" + one.address + ">";
}

std::string address_line(std::string_view header, const std::vector<MailAddress>& all) {
  std::string made(header);
  for (std::size_t i = 0; i < all.size(); ++i) made += (i == 0 ? ": " : ",\r\n ") + address_text(all[i]);
  return made + "\r\n";
}

}  // namespace

std::string encoded_words(std::string_view text) {
  const bool plain = text.size() <= longest_plain && text.find("=?") == text.npos && !text.starts_with(' ') && !text.ends_with(' ') &&
                     std::all_of(text.begin(), text.end(), is_plain);
  if (plain) return std::string(text);
  std::string made;
  while (!text.empty()) {
    std::size_t size = std::min(longest_word, text.size());
    // Never inside a character; four bytes is the longest one.
    for (int back = 0; back < 3 && size < text.size() && size > 1 && continues(text[size]); ++back) --size;
    made += std::string(made.empty() ? "" : "\r\n ") + "=?UTF-8?B?" + to_base64(text.substr(0, size)) + "?=";
    text.remove_prefix(size);
  }
  return made;
}

std::string quoted_printable(std::string_view text) {
  std::string made;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool ends_line = c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
    if (ends_line) {
      if (c == '\r') ++i;
      made += "\r\n";
      column = 0;
      continue;
    }
    const bool last_of_line = i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r';
    const bool as_it_is = (is_plain(c) && c != '=' && !(c == ' ' && last_of_line)) || (c == '\t' && !last_of_line);
    const std::size_t size = as_it_is ? 1 : 3;
    if (column + size > longest_quoted_line - 1) {
      made += "=\r\n";
      column = 0;
    }
    column += size;
    if (as_it_is) {
      made += c;
    } else {
      made += '=';
      made += hex[static_cast<unsigned char>(c) >> 4];
      made += hex[static_cast<unsigned char>(c) & 15];
    }
  }
  return made;
}

std::string mail_message(const Mail& mail) {
  const std::string event = id_text(mail.event_id);
  const std::string domain = mail.from.address.substr(mail.from.address.rfind('@') + 1);
  std::string made = "Date: " + date(mail.now) + "\r\n" + address_line("From", {mail.from}) + address_line("To", mail.to);
  if (!mail.reply_to.empty()) made += address_line("Reply-To", mail.reply_to);
  made += "Subject: " + encoded_words(mail.subject) + "\r\n";
  made += "Message-ID: <" + event + "." + id_text(mail.observer) + "." + std::to_string(mail.action) + "@" + domain + ">\r\n";
  made += "X-Fraiseql-Event-Id: " + event + "\r\n";
  if (!mail.pk.empty()) made += "Fraiseql-Pk: " + id_text(mail.pk) + "\r\n";
  made +=
      "Auto-Submitted: auto-generated\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=UTF-8\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
  made += quoted_printable(mail.body);
  if (!made.ends_with("\r\n")) made += "\r\n";
  return made;
}

}  // namespace fraiseql
