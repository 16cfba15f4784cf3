#include "cli/supervisor.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <system_error>

#include "cli/process.hpp"
#include "common/backoff.hpp"
#include "common/log.hpp"

namespace fraiseql {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto lived_well = 10s;
constexpr auto patience_with_the_last = 5s;

/// SIGCHLD as something to wait on, as StopSignal does it for the others.
class ChildSignal {
 public:
  ChildSignal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  }
  ~ChildSignal() { close(fd_); }
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;

  /// Waits for a child's end, for one of the others to be readable (-1: nothing), or for the pause.
  void wait(int one, int other, std::chrono::milliseconds pause) {
    pollfd waiting[] = {{fd_, POLLIN, 0}, {one, POLLIN, 0}, {other, POLLIN, 0}};
    poll(waiting, 3, static_cast<int>(pause.count()));
    signalfd_siginfo info;
    while (read(fd_, &info, sizeof info) > 0) {
    }
  }

 private:
  int fd_;
};

struct Running {
  const Supervised* program;
  Backoff backoff{200ms, 30s};
  pid_t pid = -1;  // -1: is not running
  Clock::time_point started{}, due{};
};

}  // namespace

struct Supervisor::Impl {
  explicit Impl(StopSignal& stop) : stop_(stop) {}

  /// Until a stop, or until a program ends with 78.
  int keep_running() {
    while (!stop_.requested()) {
      for (Running& one : running_)
        if (one.pid < 0 && Clock::now() >= one.due) start(one);
      child_signal_.wait(stop_.fd(), hangup_.fd(), until_next());
      reap(true);
      if (hangup_.take()) reread();
      if (hopeless_) return EX_CONFIG;
    }
    return EX_OK;
  }

  void reread() {
    log::info("SIGHUP: the executors reread their observers");
    for (const Running& one : running_)
      if (one.pid > 0 && one.program->rereads) kill(one.pid, SIGHUP);
  }

  void stop_all(std::chrono::milliseconds patience) {
    end(false, patience);
    end(true, patience_with_the_last);
  }

  void start(Running& one) {
    try {
      one.pid = spawn(one.program->command);
      one.started = Clock::now();
      log::info("started", {{"program", one.program->name}, {"pid", one.pid}});
    } catch (const std::system_error& e) {
      one.due = Clock::now() + one.backoff.next(jitter_(dice_));
      log::error("cannot start", {{"program", one.program->name}, {"why", e.what()}});
    }
  }

  std::chrono::milliseconds until_next() const {
    auto pause = Clock::duration(1h);
    for (const Running& one : running_)
      if (one.pid < 0) pause = std::min(pause, one.due - Clock::now());
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(pause), 0ms);
  }

  void reap(bool restart) {
    int status = 0;
    while (true) {
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid <= 0) return;
      const auto found = std::find_if(running_.begin(), running_.end(), [&](const Running& one) { return one.pid == pid; });
      if (found != running_.end()) ended(*found, status, restart);  // else an orphan that was left to us as process 1
    }
  }

  void ended(Running& one, int status, bool restart) {
    one.pid = -1;
    if (!restart) return log::info("stopped", {{"program", one.program->name}, {"how", ending(status)}});
    if (WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG) {
      hopeless_ = true;
      return log::error("a program refuses its configuration; stopping all", {{"program", one.program->name}});
    }
    if (Clock::now() - one.started > lived_well) one.backoff.reset();
    const auto pause = one.backoff.next(jitter_(dice_));
    one.due = Clock::now() + pause;
    log::warn("ended, will be started again", {{"program", one.program->name}, {"how", ending(status)}, {"in_ms", pause.count()}});
  }

  void end(bool the_last, std::chrono::milliseconds patience) {
    const auto concerned = [&](const Running& one) { return one.pid > 0 && (the_last || !one.program->stops_last); };
    const auto tell = [&](int number) {
      for (const Running& one : running_)
        if (concerned(one)) kill(one.pid, number);
    };
    const auto wait_until = [&](Clock::time_point deadline) {
      while (std::any_of(running_.begin(), running_.end(), concerned) && Clock::now() < deadline) {
        child_signal_.wait(-1, -1, std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()));
        reap(false);
      }
    };
    tell(SIGTERM);
    wait_until(Clock::now() + patience);
    for (const Running& one : running_)
      if (concerned(one)) log::warn("did not stop in time, killed", {{"program", one.program->name}});
    tell(SIGKILL);
    wait_until(Clock::now() + 5s);
  }

  StopSignal& stop_;
  ChildSignal child_signal_;
  HangupSignal hangup_;
  std::vector<Running> running_;
  bool hopeless_ = false;
  std::minstd_rand dice_{std::random_device{}()};
  std::uniform_real_distribution<double> jitter_;
};

Supervisor::Supervisor(StopSignal& stop) : impl_(std::make_unique<Impl>(stop)) {}
Supervisor::~Supervisor() = default;

int Supervisor::run(const std::vector<Supervised>& programs, std::chrono::milliseconds patience) {
  for (const Supervised& program : programs) impl_->running_.push_back({&program});
  const int code = impl_->keep_running();
  if (code == EX_OK) log::info("stopping");
  impl_->stop_all(patience);
  return code;
}

}  // namespace fraiseql
