#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace fraiseql {

class Loop;

/// Reads lines of a descriptor in a thread of its own, a few ahead: a file cannot be watched by a loop.
class Lines {
 public:
  static constexpr std::size_t longest = 64 << 20;  ///< bytes; of a longer line only the number comes

  struct Line {
    std::uint64_t number;  ///< counts from 1
    std::string text;      ///< without its line break
    bool too_long = false;
  };
  /// `more` is called on the loop: lines have come, or the end has.
  Lines(int fd, Loop& loop, std::function<void()> more);
  ~Lines();  ///< reads no further

  std::optional<Line> next();  ///< none: none yet, or the end
  bool ended() const;          ///< and all lines are taken

 private:
  void read();
  bool add(std::string&& text, bool too_long);  ///< false: asked to stop

  static constexpr std::size_t bytes_ahead = 1 << 20, lines_ahead = 1000;
  const int fd_, stop_fd_;
  Loop& loop_;
  std::function<void()> more_;
  mutable std::mutex mutex_;
  std::condition_variable taken_;
  std::deque<Line> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t number_ = 0;
  bool ended_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace fraiseql
