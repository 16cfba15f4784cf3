#include "common/reporter.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/config.hpp"
#include "common/log.hpp"
#include "common/status_sender.hpp"

namespace fraiseql {

namespace {
constexpr int watchdog_limit = 60;  // seconds
constexpr int exit_software = 70;
}  // namespace

struct Reporter::Sender {
  StatusSender socket;
};

Reporter::Reporter(const HealthConfig& config, std::string component, std::string instance)
    : sender_(new Sender{StatusSender(config, std::move(component), std::move(instance))}), wake_fd_(eventfd(0, EFD_CLOEXEC)) {
  report_.transport = config.transport;
  report_.stream = config.stream_name;
  report_.state = "starting";
  thread_ = std::thread([this] { run(); });
}

Reporter::~Reporter() {
  stop_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_fd_, &one, sizeof one);
  thread_.join();
  close(wake_fd_);
}

void Reporter::update(const std::function<void(StatusReport&)>& change) {
  const std::lock_guard lock(mutex_);
  change(report_);
}

void Reporter::run() {
  unsigned turns = turns_;
  // Our own seconds are counted, not the clock's: a process that was frozen as a whole has missed none of them.
  int still = 0;
  while (!stop_) {
    StatusReport report;
    {
      const std::lock_guard lock(mutex_);
      report = report_;
    }
    sender_->socket.send(std::move(report));
    pollfd waiting{wake_fd_, POLLIN, 0};
    poll(&waiting, 1, 1000);
    if (turns != turns_) {
      turns = turns_;
      still = 0;
    } else if (++still > watchdog_limit) {
      log::error("the loop has not turned for 60 s: ending", {});
      log::stop();
      _exit(exit_software);
    }
  }
}

}  // namespace fraiseql
