#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fraiseql::test {

/// A directory of its own below the system's temporary directory; gone with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  /// Writes a file into it and returns its path.
  std::filesystem::path file(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
};

/// A program started by a test. Killed with its object, and with the test process (PR_SET_PDEATHSIG).
class Child {
 public:
  struct Options {
    std::map<std::string, std::string> environment;  ///< added to the test's own, less every FRAISEQL_*, NATS_URL, DATABASE_URL
    std::string user;                                ///< run as this user when the test is root
    std::string directory;                           ///< working directory
    bool keep_output = true;                         ///< collect stdout and stderr into files; else /dev/null
    bool use_stdin = false;                          ///< a pipe: see write()
  };
  explicit Child(std::vector<std::string> command);
  Child(std::vector<std::string> command, Options options);
  ~Child();
  Child(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);
  /// Exit code, or 128 + signal. Kills it and throws std::runtime_error after `limit`.
  int wait(std::chrono::seconds limit = std::chrono::seconds(60));
  int kill();  ///< SIGKILL and wait
  std::string out() const;  ///< standard output so far
  std::string err() const;  ///< standard error so far
  void write(const std::string& text);
  void close_input();

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
  std::filesystem::path out_, err_;
  int input_ = -1;
};

bool said(const Child& child, const std::string& words);  ///< on standard error, so far

struct Finished {
  int status;
  std::string out, err;
};
/// Runs a program to its end.
Finished run(std::vector<std::string> command, Child::Options options = {}, std::chrono::seconds limit = std::chrono::seconds(120));

/// Asks every 20 ms until `condition` is true or the limit has passed; so a fast machine is fast and a slow one passes.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds(30));

/// A TCP port of 127.0.0.1 that was free a moment ago.
int free_port();
std::string read_file(const std::filesystem::path& path);
/// A name that no other test of this process uses: `prefix` and a number.
std::string unique(const std::string& prefix);

}  // namespace fraiseql::test
