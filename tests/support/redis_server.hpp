#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace fraiseql::test {

/// A real redis-server on a free port of 127.0.0.1, its files in a temporary directory.
class RedisServer {
 public:
  explicit RedisServer(std::string password = "");  ///< empty: none asked for
  int port() const { return port_; }
  std::string url(const std::string& database = "0") const;  ///< with the password
  void start();                                              ///< again, same port, empty
  void kill();
  void pause();  ///< SIGSTOP: connections stay open and nothing answers
  void resume();
  /// What redis-cli prints, without the last line break.
  std::string command(const std::vector<std::string>& words, const std::string& database = "0") const;

 private:
  TempDir directory_;
  std::string password_;
  int port_;
  std::optional<Child> child_;
};

}  // namespace fraiseql::test
