#include "executor/in_memory/lines.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "executor/loop.hpp"

namespace fraiseql {

Lines::Lines(int fd, Loop& loop, std::function<void()> more)
    : fd_(fd), stop_fd_(eventfd(0, EFD_CLOEXEC)), loop_(loop), more_(std::move(more)), thread_([this] {
        read();
        const std::lock_guard lock(mutex_);
        ended_ = true;
        loop_.post(more_);
      }) {}

Lines::~Lines() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  taken_.notify_all();
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(stop_fd_, &one, sizeof one);
  thread_.join();
  close(stop_fd_);
}

std::optional<Lines::Line> Lines::next() {
  const std::lock_guard lock(mutex_);
  if (lines_.empty()) return std::nullopt;
  Line line = std::move(lines_.front());
  lines_.pop_front();
  bytes_ -= line.text.size();
  taken_.notify_all();
  return line;
}

bool Lines::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_ && lines_.empty();
}

bool Lines::add(std::string&& text, bool too_long) {
  std::unique_lock lock(mutex_);
  taken_.wait(lock, [this] { return stop_ || (bytes_ < bytes_ahead && lines_.size() < lines_ahead); });
  if (stop_) return false;
  ++number_;
  if (!text.empty() && text.back() == '\r') text.pop_back();
  bytes_ += text.size();
  lines_.push_back({number_, std::move(text), too_long});
  if (lines_.size() == 1) loop_.post(more_);
  return true;
}

void Lines::read() {
  std::vector<char> buffer(64 * 1024);
  std::string line;
  bool too_long = false;
  while (true) {
    pollfd waiting[] = {{fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      const auto part = rest.substr(0, end);
      if (line.size() + part.size() > longest) {
        too_long = true;
        line.clear();
      }
      if (!too_long) line += part;
      if (end == std::string_view::npos) break;
      if (!add(std::exchange(line, {}), std::exchange(too_long, false))) return;
      rest.remove_prefix(end + 1);
    }
  }
  if (!line.empty() || too_long) add(std::move(line), too_long);
}

}  // namespace fraiseql
