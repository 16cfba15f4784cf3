#include "healthd/http_head.hpp"

#include <algorithm>
#include <charconv>

namespace fraiseql {
namespace {

Head refused(int status) { return {Head::State::refused, {}, status}; }

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 18 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool same_word(std::string_view a, std::string_view lower_case) {
  return std::equal(a.begin(), a.end(), lower_case.begin(), lower_case.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes one line off the front, without its line break; none: it is not complete.
std::optional<std::string_view> take_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

/// 0, or the status to refuse the request line with.
int read_request_line(std::string_view line, Request& request) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view method = line.substr(0, first), version = line.substr(last + 1);
  std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(method) || target.empty()) return 400;
  if (std::any_of(target.begin(), target.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return version.starts_with("HTTP/") ? 505 : 400;
  if (target.starts_with("http://")) {  // as a proxy would send it
    const auto path = target.find('/', 7);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  const auto question = target.find('?');
  request = {std::string(method), std::string(target.substr(0, question)),
             question == std::string_view::npos ? "" : std::string(target.substr(question + 1))};
  return 0;
}

}  // namespace

Head read_head(std::string_view bytes) {
  const bool too_long = bytes.size() >= longest_head;
  std::string_view rest = bytes;
  while (rest.starts_with("\r\n")) rest.remove_prefix(2);  // some clients end the request before with one too many
  const auto first = take_line(rest);
  if (first ? first->size() > longest_request_line : rest.size() > longest_request_line) return refused(414);
  if (!first) return too_long ? refused(431) : Head{};
  Head head;
  if (const int status = read_request_line(*first, head.request)) return refused(status);

  std::size_t lines = 0, lengths = 0, codings = 0, hosts = 0;
  while (const auto line = take_line(rest)) {
    if (line->empty()) {
      // Two ideas of where this request ends are how requests are smuggled past proxies.
      if (lengths > 1 || hosts > 1 || (lengths > 0 && codings > 0)) return refused(400);
      head.state = Head::State::complete;
      return head;
    }
    if (++lines > most_header_lines) return refused(431);
    const auto colon = line->find(':');
    if (colon == std::string_view::npos || !is_token(line->substr(0, colon))) return refused(400);  // a folded line begins with a blank
    const std::string_view name = line->substr(0, colon), value = trimmed(line->substr(colon + 1));
    if (value.find('\0') != std::string_view::npos || value.find('\r') != std::string_view::npos) return refused(400);
    if (same_word(name, "content-length")) {
      ++lengths;
      if (!is_number(value)) return refused(400);
    }
    if (same_word(name, "transfer-encoding")) ++codings;
    if (same_word(name, "host")) ++hosts;
  }
  return too_long ? refused(431) : Head{};
}

namespace {

/// What stands behind the name, with the equals sign; none: there is no such parameter.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view one = query.substr(0, end);
    if (one.substr(0, one.find('=')) == name) return one.substr(name.size());
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

}  // namespace

bool has_parameter(std::string_view query, std::string_view name) { return parameter(query, name).has_value(); }

std::optional<std::int64_t> number_parameter(std::string_view query, std::string_view name) {
  const auto value = parameter(query, name);
  if (!value || value->size() < 2) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data() + 1, value->data() + value->size(), number);
  if (error != std::errc() || end != value->data() + value->size()) return std::nullopt;
  return number;
}

}  // namespace fraiseql
