#include "executor/actions/destination.hpp"

#include <strings.h>

#include "common/config/mistakes.hpp"
#include "common/errors.hpp"
#include "executor/http_client.hpp"
#include "executor/language/caret.hpp"

namespace fraiseql {
namespace {

// Everything up to the end of the host; npos: it is open what the host is.
std::size_t end_of_host(std::string_view url) {
  const auto scheme = url.find("://");
  return scheme == url.npos ? url.npos : url.find_first_of("/?#", scheme + 3);
}

/// Whether the path has a segment that a server, or libcurl on the way to it, takes for "here" or "one up".
bool climbs(std::string_view url) {
  const auto begin = end_of_host(url);
  if (begin == url.npos || url[begin] != '/') return false;
  std::string_view path = url.substr(begin, url.find_first_of("?#", begin) - begin);
  while (!path.empty()) {
    path.remove_prefix(1);
    std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    std::size_t dots = 0;
    while (!segment.empty()) {
      const bool encoded = segment.size() >= 3 && strncasecmp(segment.data(), "%2e", 3) == 0;
      if (segment.front() != '.' && !encoded) break;
      segment.remove_prefix(encoded ? 3 : 1);
      ++dots;
    }
    if (segment.empty() && (dots == 1 || dots == 2)) return true;
  }
  return false;
}

std::string without_user(std::string_view url) {
  const auto scheme = url.find("://") + 3;
  const auto at = url.substr(0, end_of_host(url)).rfind('@');
  return at == url.npos ? std::string(url) : std::string(url.substr(0, scheme)) + std::string(url.substr(at + 1));
}

}  // namespace

Destination::Destination(const Placed& url, std::string_view key, bool secret)
    : url_(compile(url, key, Template::Place::url, secret)), key_(key), secret_(secret) {
  const std::string path = "observers.actions." + key_;
  const auto fail = [&](const std::string& what) { throw ConfigError(config::mistake_line(url.origin, path, what)); };
  if (!url_.fixed() && end_of_host(url_.beginning()) == std::string_view::npos) {
    const std::string what =
        config::mistake_line(url.origin, path, "scheme and host of a URL stand fast; {{ comes after the / that follows them");
    throw ConfigError(secret ? what : what + "\n" + with_caret(url.text, url.text.find("{{")));
  }
  std::string rendered;  // of an event that has nothing
  const std::string none;
  const StoredMessage message;
  const EventView view{};
  unsigned unknown = 0;
  rendered = url_.render(Event{message, view, none}, unknown);
  try {
    host_ = host_of(rendered);
  } catch (const ConfigError& e) {
    fail(e.what());
  }
  if (rendered.size() > longest) fail("a URL has at most " + std::to_string(longest) + " bytes");
  if (!url_.fixed() && climbs(rendered)) fail("the path of a URL that is a template must not hold . or .. between slashes");
}

std::string Destination::url(const Try& attempt) const {
  std::string made = fill(url_, key_, attempt);
  if (made.size() > longest) throw Unrenderable("the URL is longer than " + std::to_string(longest) + " bytes");
  if (url_.fixed()) return made;
  if (climbs(made)) throw Unrenderable("a value leads out of the URL's path: . or .. between slashes");
  return made;
}

std::string Destination::shown(const Try& attempt) const { return secret_ ? host_ : without_user(url(attempt)); }

}  // namespace fraiseql
