#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <map>
#include <system_error>

#include "cli/dlq.hpp"
#include "cli/letter_store.hpp"
#include "cli/process.hpp"
#include "common/stop.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

// Numbers for a child's standard input: there may be more of them than a command line takes.
class NumberFile {
 public:
  explicit NumberFile(const std::vector<std::uint64_t>& numbers) : fd_(memfd_create("letters", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
    std::string text;
    for (const std::uint64_t number : numbers) text += std::to_string(number) + "\n";
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n = write(fd_, text.data() + at, text.size() - at);
      if (n < 0) throw std::system_error(errno, std::generic_category(), "write the numbers of letters");
      at += static_cast<std::size_t>(n);
    }
    lseek(fd_, 0, SEEK_SET);
  }
  ~NumberFile() { close(fd_); }
  NumberFile(const NumberFile&) = delete;
  NumberFile& operator=(const NumberFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

int run_retry(const std::string& program, const std::vector<std::uint64_t>& numbers, const General& general, const DlqOptions& options,
              StopSignal& stop) {
  std::vector<std::string> command{sibling(program), "--retry", "-", "--log-level", "warn"};
  if (!general.sources.observer_file.empty()) command.insert(command.end(), {"--config", general.sources.observer_file});
  if (!general.sources.app_file.empty()) command.insert(command.end(), {"--app-config", general.sources.app_file});
  if (options.dry_run) command.push_back("--dry-run");
  if (options.rate > 0) command.insert(command.end(), {"--rate", std::to_string(options.rate)});
  if (general.json) command.insert(command.end(), {"--format", "json"});
  const NumberFile input(numbers);
  const pid_t pid = spawn(std::move(command), -1, input.fd());
  bool told = false;
  while (true) {
    int status = 0;
    const pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) {
      if (WIFEXITED(status)) return WEXITSTATUS(status);
      std::cerr << "fraiseql: " << program << ": " << ending(status) << std::endl;
      return 1;
    }
    if (!told && stop.wait_for(20ms)) {
      told = true;
      kill(pid, SIGTERM);
    } else if (told) {
      usleep(20'000);
    }
  }
}

}  // namespace

int dlq_retry(const General& general, const DlqOptions& options, std::ostream& out) {
  StopSignal stop;  // before the connection starts threads
  std::map<std::string, std::vector<std::uint64_t>> work;  // numbers by program
  int code = EX_OK;
  {
    const auto letters = open_letters(general);
    const auto sort = [&](const ShownLetter& letter) {
      work[letters->retried_by(letter.facts)].push_back(letter.facts.number);
      return !stop.requested();
    };
    if (options.all) letters->each(options.filter, sort);
    for (const std::uint64_t number : options.numbers) {
      if (const auto letter = letters->get(number)) {
        sort(*letter);
        continue;
      }
      code = 1;
      if (general.json) out << "{\"number\":" << number << ",\"result\":\"failed\",\"what\":\"there is no such letter\"}" << std::endl;
      else out << "letter " << number << ": failed: there is no such letter" << std::endl;
    }
  }
  if (options.all && work.empty() && !general.json) out << "no letter is to be retried" << std::endl;
  for (const char* program : {"pg2nats-bridge", "executor"}) {
    const auto numbers = work.find(program);
    if (numbers == work.end()) continue;
    if (stop.requested()) return 1;
    code = std::max(code, run_retry(program, numbers->second, general, options, stop));
  }
  return code;
}

}  // namespace fraiseql
