#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fraiseql::config {

/// `origin: key: message` on one line, whatever bytes the parts hold.
std::string mistake_line(std::string_view origin, std::string_view key, std::string_view message);

/// All that is wrong, in the order in which it was found.
class Mistakes {
 public:
  void add(std::string_view origin, std::string_view key, std::string_view message) {
    lines_.push_back(mistake_line(origin, key, message));
  }
  void add(std::string line) { lines_.push_back(std::move(line)); }  ///< of `mistake_line`
  bool empty() const { return lines_.empty(); }
  /// Throws ConfigError with all lines, if there are any.
  void raise() const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace fraiseql::config
