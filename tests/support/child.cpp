#include "tests/support/child.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

extern char** environ;

namespace fraiseql::test {
namespace {

std::filesystem::path output_directory() {
  static const TempDir directory;
  return directory.path();
}

bool ours(const std::string& assignment) {
  return assignment.rfind("FRAISEQL_", 0) == 0 || assignment.rfind("NATS_URL=", 0) == 0 || assignment.rfind("DATABASE_URL=", 0) == 0;
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "fraiseql-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp: " + std::string(std::strerror(errno)));
  path_ = pattern;
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}
TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
std::filesystem::path TempDir::file(const std::string& name, const std::string& content) const {
  std::ofstream(path_ / name, std::ios::binary) << content;
  return path_ / name;
}

Child::Child(std::vector<std::string> command) : Child(std::move(command), Options()) {}

Child::Child(std::vector<std::string> command, Options options) {
  const std::string stem = unique("child");
  out_ = output_directory() / (stem + ".out");
  err_ = output_directory() / (stem + ".err");
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    const std::string assignment = *entry;
    const std::string name = assignment.substr(0, assignment.find('='));
    if (!ours(assignment) && !options.environment.contains(name)) environment.push_back(assignment);
  }
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (auto& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  for (auto& assignment : environment) envp.push_back(assignment.data());
  envp.push_back(nullptr);
  const int out = options.keep_output ? open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : open("/dev/null", O_WRONLY | O_CLOEXEC);
  const int err = options.keep_output ? open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : open("/dev/null", O_WRONLY | O_CLOEXEC);
  int in[2] = {-1, -1};
  if (options.use_stdin) {
    if (pipe2(in, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  } else {
    in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  const passwd* user = options.user.empty() || geteuid() != 0 ? nullptr : getpwnam(options.user.c_str());
  if (!options.user.empty() && geteuid() == 0 && !user) throw std::runtime_error("no user " + options.user);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    if (user && (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // after setuid, which clears it
    if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
    dup2(in[0], 0);
    dup2(out, 1);
    dup2(err, 2);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(out);
  close(err);
  close(in[0]);
  input_ = in[1];
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_), out_(other.out_), err_(other.err_), input_(std::exchange(other.input_, -1)) {}

Child::~Child() {
  if (pid_ > 0 && !status_) kill();
  if (input_ >= 0) close(input_);
}

bool Child::running() {
  if (status_) return false;
  int raw = 0;
  if (waitpid(pid_, &raw, WNOHANG) != pid_) return true;
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return false;
}

void Child::signal(int number) {
  if (running()) ::kill(pid_, number);
}

int Child::wait(std::chrono::seconds limit) {
  if (!eventually([this] { return !running(); }, limit)) {
    const std::string said = err();
    kill();
    throw std::runtime_error("a program did not end in time; it said: " + said.substr(said.size() > 2000 ? said.size() - 2000 : 0));
  }
  return *status_;
}

int Child::kill() {
  if (!status_) {
    ::kill(pid_, SIGKILL);
    int raw = 0;
    waitpid(pid_, &raw, 0);
    status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  }
  return *status_;
}

std::string Child::out() const { return read_file(out_); }
std::string Child::err() const { return read_file(err_); }
void Child::write(const std::string& text) {
  if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) throw std::runtime_error("short write to a child");
}
void Child::close_input() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

Finished run(std::vector<std::string> command, Child::Options options, std::chrono::seconds limit) {
  Child child(std::move(command), std::move(options));
  const int status = child.wait(limit);
  return {status, child.out(), child.err()};
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no free port");
  close(fd);
  return ntohs(address.sin_port);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string unique(const std::string& prefix) {
  static std::atomic<int> next{0};
  return prefix + std::to_string(++next);
}

bool said(const Child& child, const std::string& words) { return child.err().find(words) != std::string::npos; }

}  // namespace fraiseql::test
