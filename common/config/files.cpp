#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "common/config.hpp"
#include "common/config/mistakes.hpp"

extern char** environ;

namespace fraiseql {
namespace {

// One byte above what the parser takes, so that it can say that the file is too large.
constexpr std::size_t most_read = 1024 * 1024 + 1;

/// The whole file; nothing, and a line in `mistakes` unless it may be absent.
std::optional<std::string> read_file(const std::string& path, bool may_be_absent, config::Mistakes& mistakes) {
  const auto failed = [&](int error) {
    if (!(may_be_absent && error == ENOENT))
      mistakes.add(path + ":1", "file", std::string("cannot be read: ") + std::strerror(error));
    return std::nullopt;
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(errno);
  std::string text(most_read, '\0');
  std::size_t size = 0;
  while (size < most_read) {
    const ssize_t got = read(fd, text.data() + size, most_read - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;  // a directory, for one
      close(fd);
      return failed(error);
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  close(fd);
  text.resize(size);
  return text;
}

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != text.npos && equals > 0) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

}  // namespace

Settings load(const Sources& sources) {
  SourceTexts texts;
  texts.users = sources.users;
  texts.environment = process_environment();
  if (!sources.observer_file.empty()) texts.observer_file = sources.observer_file;
  if (!sources.app_file.empty()) texts.app_file = sources.app_file;
  config::Mistakes mistakes;
  texts.observer_text = read_file(texts.observer_file, sources.observer_file.empty(), mistakes);
  texts.app_text = read_file(texts.app_file, sources.app_file.empty(), mistakes);
  mistakes.raise();
  return load(texts);
}

}  // namespace fraiseql
