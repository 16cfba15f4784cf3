#include "common/config/rules.hpp"

#include <arpa/inet.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "common/config/action_rules.hpp"

namespace fraiseql::config {
namespace {

bool is_printable_ascii(char c) { return c > ' ' && c < 0x7f; }
bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::string jetstream_name(const std::string& value, std::size_t longest) {
  if (value.size() > longest) return "must have at most " + std::to_string(longest) + " bytes";
  for (const char c : value) {
    if (c == '.') return "must not contain a dot";
    if (c == '*' || c == '>') return "must not contain a wildcard (* or >)";
    if (c == ' ' || c == '\t') return "must not contain a space";
    if (c == '/' || c == '\\') return "must not contain a slash";
    if (!is_printable_ascii(c)) return "must be printable ASCII";
  }
  if (value.starts_with('$')) return "must not begin with $";
  return {};
}

std::string port(std::string_view text, std::int64_t least) {
  bool overflow = false;
  const auto number = parse_integer(text, overflow);
  if (number && *number >= least && *number <= 65535 && text.find_first_not_of("0123456789") == text.npos) return {};
  return "port must be between " + std::to_string(least) + " and 65535";
}

/// Takes `host`, `host:port` or `[v6]:port` apart. No colon: `port` is empty and `has_port` false.
struct Authority {
  std::string host, port;
  bool has_port = false, bracketed = false;
};

std::string take_apart(std::string_view text, Authority& to) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return "] is missing";
    to.host = text.substr(1, end - 1);
    to.bracketed = true;
    text.remove_prefix(end + 1);
    std::array<unsigned char, sizeof(in6_addr)> bytes;
    if (inet_pton(AF_INET6, to.host.c_str(), bytes.data()) != 1) return "the address in brackets is not IPv6";
    if (!text.empty() && text.front() != ':') return "must be host:port";
    to.has_port = !text.empty();
    if (to.has_port) to.port = text.substr(1);
    return {};
  }
  const auto colon = text.find(':');
  to.host = text.substr(0, colon);
  to.has_port = colon != text.npos;
  if (to.has_port) to.port = text.substr(colon + 1);
  if (to.port.find(':') != to.port.npos) return "an IPv6 address needs brackets";
  if (to.host.empty()) return "host is missing";
  for (const char c : to.host)
    if (!is_letter_or_digit(c) && c != '.' && c != '-' && c != '_')
      return "the host holds a character that host names do not have";
  return {};
}

std::string nats_url(std::string_view url) {
  if (url.empty()) return "is empty";
  for (const char c : url)
    if (!is_printable_ascii(c)) return "must be printable ASCII without spaces: encode other characters as %XX";
  if (const auto scheme = url.find("://"); scheme != url.npos) {
    if (url.substr(0, scheme) == "tls") return "tls://: not supported yet";
    if (url.substr(0, scheme) != "nats") return "must begin with nats://";
    url.remove_prefix(scheme + 3);
  }
  if (const auto at = url.rfind('@'); at != url.npos) url.remove_prefix(at + 1);
  if (url.ends_with('/')) url.remove_suffix(1);
  Authority authority;
  if (auto wrong = take_apart(url, authority); !wrong.empty()) return wrong;
  return authority.has_port ? port(authority.port, 1) : std::string{};
}

std::string status_endpoint(const std::string& endpoint) {
  if (endpoint.empty()) return "is empty";
  if (endpoint.starts_with("ipc://")) {
    // sockaddr_un holds 108 bytes with the NUL.
    const auto bytes = endpoint.size() - 6;
    return bytes >= 1 && bytes <= 107 ? std::string{} : "the path of an ipc:// endpoint must have 1 to 107 bytes";
  }
  if (!endpoint.starts_with("tcp://")) return "must begin with tcp:// or ipc://";
  std::string_view rest = std::string_view(endpoint).substr(6);
  Authority authority;
  if (rest.starts_with("*:"))
    rest.remove_prefix(1);
  else if (auto wrong = take_apart(rest, authority); !wrong.empty())
    return wrong;
  if (rest.starts_with(':')) return port(rest.substr(1), 1);
  return authority.has_port ? port(authority.port, 1) : "needs a port, as in tcp://127.0.0.1:5560";
}

template <class EachCheck>
std::string each_of_list(const std::string& list, EachCheck check) {
  const auto elements = split_list(list);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string wrong = check(elements[i]);
    if (wrong.empty()) continue;
    return elements.size() == 1 ? wrong : "element " + std::to_string(i + 1) + ": " + wrong;
  }
  return {};
}

}  // namespace

// The streams beside it are <name>_advisories and KV_<name>_progress; a server takes 255 bytes.
std::string stream_name(const std::string& value) { return jetstream_name(value, 243); }
std::string consumer_name(const std::string& value) { return jetstream_name(value, 255); }

std::string subject_prefix(const std::string& value) {
  if (value.size() > 255) return "must have at most 255 bytes";
  for (const char c : value) {
    if (c == '*' || c == '>') return "must not contain a wildcard (* or >)";
    if (!is_printable_ascii(c)) return "must be printable ASCII without spaces";
  }
  if (value.starts_with('.') || value.ends_with('.') || value.find("..") != value.npos)
    return "must not have an empty part between its dots";
  if (value.starts_with('$')) return "must not begin with $, which is the server's own";
  if (value == "_INBOX" || value.starts_with("_INBOX.")) return "must not begin with _INBOX, which is for replies";
  return {};
}

std::string nats_urls(const std::string& value) {
  if (value.empty()) return {};  // a mistake only when NATS is used
  return each_of_list(value, [](const std::string& url) { return nats_url(url); });
}

std::string replica_count(const std::string& value) {
  return value == "1" || value == "3" || value == "5" ? std::string{} : "jetstream.replicas must be 1, 3 or 5";
}

std::string host_and_port(const std::string& value) {
  Authority authority;
  if (auto wrong = take_apart(value, authority); !wrong.empty()) return wrong;
  return authority.has_port ? port(authority.port, 0) : "must be host:port";
}

std::string status_endpoints(const std::string& value) { return each_of_list(value, status_endpoint); }

std::string network(const std::string& value) {
  static constexpr const char* shape = "must be a network such as 10.0.0.0/8 or fd00::/8";
  const auto slash = value.find('/');
  if (slash == value.npos) return shape;
  const std::string address = value.substr(0, slash);
  const std::string_view bits = std::string_view(value).substr(slash + 1);
  bool overflow = false;
  const auto length = parse_integer(bits, overflow);
  if (!length || bits.find_first_not_of("0123456789") != bits.npos) return shape;
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1)
    return *length <= 32 ? "" : "the prefix length must be between 0 and 32";
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1)
    return *length <= 128 ? "" : "the prefix length must be between 0 and 128";
  return shape;
}

std::string printable(const std::string& value) {
  for (const char c : value)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "must not contain control characters";
  return {};
}

std::string postgres_url(const std::string& value) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(value.c_str(), &error);
  PQconninfoFree(options);
  PQfreemem(error);  // not shown: it may quote the password
  return options ? std::string{} : "is neither a PostgreSQL URL nor a list of keyword=value";
}

std::string webhook_url(const std::string& value) {
  if (value.size() > 8192) return "must have at most 8192 bytes";
  const std::size_t scheme = value.starts_with("http://") ? 7 : value.starts_with("https://") ? 8 : 0;
  if (scheme == 0) return "must begin with http:// or https://";
  const std::size_t path = std::min(value.find_first_of("/?#", scheme), value.size());
  std::string_view rest = std::string_view(value).substr(scheme, path - scheme);
  // Where the request goes must be known before an event is: slots and circuits are kept per host.
  if (rest.find("{{") != rest.npos) return "a template may stand in the path and query only";
  for (const char c : without_templates(value))
    if (!is_printable_ascii(c)) return "must be printable ASCII without spaces: encode other characters as %XX";
  if (const auto at = rest.rfind('@'); at != rest.npos) rest.remove_prefix(at + 1);
  Authority authority;
  if (auto wrong = take_apart(rest, authority); !wrong.empty()) return wrong;
  return authority.has_port ? port(authority.port, 1) : std::string{};
}

std::string redis_url(const std::string& value) {
  for (const char c : value)
    if (!is_printable_ascii(c)) return "must be printable ASCII without spaces: encode other characters as %XX";
  if (value.starts_with("rediss://")) return "rediss://: not supported yet";
  if (!value.starts_with("redis://")) return "must begin with redis://";
  std::string_view rest = std::string_view(value).substr(8);
  if (rest.find_first_of("?#") != rest.npos) return "must end with the database: parameters are not supported";
  const auto at = rest.rfind('@');
  if (at != rest.npos) rest.remove_prefix(at + 1);
  const auto slash = rest.find('/');
  if (slash != rest.npos) {
    const std::string_view database = rest.substr(slash + 1);
    if (database.size() > 5 || database.find_first_not_of("0123456789") != database.npos) return "the database must be a number";
    rest = rest.substr(0, slash);
  }
  Authority authority;
  if (auto wrong = take_apart(rest, authority); !wrong.empty()) return wrong;
  return authority.has_port ? port(authority.port, 1) : std::string{};
}

std::string host_name(const std::string& value) {
  Authority authority;
  if (auto wrong = take_apart(value, authority); !wrong.empty()) return wrong;
  return authority.has_port ? "must be a host alone: its port has a key of its own" : std::string{};
}

std::string http_method(const std::string& value) {
  for (const char* known : {"GET", "POST", "PUT", "PATCH", "DELETE"})
    if (value == known) return {};
  return "must be one of GET, POST, PUT, PATCH, DELETE";
}

bool is_loopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "localhost" || host == "[::1]";
}

bool leaves_loopback(const std::string& endpoints) {
  for (const std::string& endpoint : split_list(endpoints)) {
    if (!endpoint.starts_with("tcp://")) continue;
    Authority authority;
    if (!take_apart(std::string_view(endpoint).substr(6), authority).empty()) return true;  // *
    if (!is_loopback(authority.bracketed ? "[" + authority.host + "]" : authority.host)) return true;
  }
  return false;
}

bool subjects_overlap(const std::string& one, const std::string& other) {
  const std::string a = one + ".", b = other + ".";
  return a.starts_with(b) || b.starts_with(a);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> elements;
  while (true) {
    const auto comma = text.find(',');
    std::string_view element = text.substr(0, comma);
    while (element.starts_with(' ') || element.starts_with('\t')) element.remove_prefix(1);
    while (element.ends_with(' ') || element.ends_with('\t')) element.remove_suffix(1);
    elements.emplace_back(element);
    if (comma == text.npos) return elements;
    text.remove_prefix(comma + 1);
  }
}

std::optional<std::int64_t> parse_integer(std::string_view text, bool& overflow) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  overflow = error == std::errc::result_out_of_range && end == text.data() + text.size();
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  const auto unit_at = text.find_first_not_of("0123456789");
  if (unit_at == text.npos || unit_at == 0) return std::nullopt;
  const std::string_view unit = text.substr(unit_at);
  const std::int64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : 0;
  bool overflow = false;
  const auto number = parse_integer(text.substr(0, unit_at), overflow);
  if (factor == 0 || (!number && !overflow)) return std::nullopt;
  if (overflow || *number > std::numeric_limits<std::int64_t>::max() / factor) return std::numeric_limits<std::int64_t>::max();
  return *number * factor;
}

}  // namespace fraiseql::config
