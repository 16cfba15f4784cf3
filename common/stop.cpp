#include "common/stop.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace fraiseql {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

sigset_t hangup_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd_ < 0) throw std::runtime_error("signalfd failed");
}

StopSignal::~StopSignal() { close(fd_); }

bool StopSignal::wait_for(std::chrono::milliseconds pause) {
  if (requested_) return true;
  pollfd waiting{fd_, POLLIN, 0};
  if (poll(&waiting, 1, static_cast<int>(pause.count())) <= 0) return false;
  signalfd_siginfo info;
  if (read(fd_, &info, sizeof info) != sizeof info) return false;
  requested_ = true;
  // From here on a second signal has its default effect, for whoever has lost patience.
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  return true;
}

void HangupSignal::block() {
  const sigset_t set = hangup_signal();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

HangupSignal::HangupSignal() {
  block();
  const sigset_t set = hangup_signal();
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd_ < 0) throw std::runtime_error("signalfd failed");
}

HangupSignal::~HangupSignal() { close(fd_); }

bool HangupSignal::take() {
  signalfd_siginfo info;
  return read(fd_, &info, sizeof info) == sizeof info;
}

}  // namespace fraiseql
