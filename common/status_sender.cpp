#include "common/status_sender.hpp"

#include <unistd.h>
#include <zmq.h>

#include <chrono>
#include <future>
#include <thread>

#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"

namespace fraiseql {
namespace {

constexpr int linger_ms = 100;
// Longer than the linger; only a name that does not resolve holds ZeroMQ's thread for longer.
constexpr std::chrono::milliseconds longest_farewell{250};

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "unknown";
  return name;
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

struct StatusSender::Impl {
  void* context = nullptr;
  void* socket = nullptr;
  StatusReport last;  ///< also holds who we are
};

StatusSender::StatusSender(const HealthConfig& config, std::string component, std::string instance) : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  self.last.component = std::move(component);
  self.last.instance = std::move(instance);
  self.last.pid = static_cast<int>(getpid());
  self.last.host = host_name();
  self.last.started_at_ms = unix_ms();
  self.last.state = "starting";
  self.context = zmq_ctx_new();
  self.socket = self.context ? zmq_socket(self.context, ZMQ_PUB) : nullptr;
  if (!self.socket) {
    // Out of file descriptors, say. The pipeline matters more than being seen.
    log::warn("no status reports", {{"why", zmq_strerror(zmq_errno())}});
    if (self.context) zmq_ctx_term(self.context);
    self.context = nullptr;
    return;
  }
  const auto set = [&](int option, int value) { zmq_setsockopt(self.socket, option, &value, sizeof value); };
  set(ZMQ_LINGER, linger_ms);
  set(ZMQ_SNDHWM, 4);     // reports that have waited are worth nothing
  set(ZMQ_IMMEDIATE, 1);  // no queue for a healthd that is away
  set(ZMQ_HANDSHAKE_IVL, 3000);
  set(ZMQ_MAXMSGSIZE, 64 * 1024);
  set(ZMQ_RECONNECT_IVL, 100);
  set(ZMQ_RECONNECT_IVL_MAX, 1000);
  set(ZMQ_CONNECT_TIMEOUT, 3000);
  set(ZMQ_HEARTBEAT_IVL, 2000);  // a healthd whose machine vanished sends no reset
  set(ZMQ_HEARTBEAT_TIMEOUT, 6000);
  set(ZMQ_IPV6, 1);
  for (const std::string& endpoint : config.status_endpoints) {
    if (zmq_connect(self.socket, endpoint.c_str()) == 0) continue;
    const std::string why = zmq_strerror(zmq_errno());
    zmq_close(self.socket);
    zmq_ctx_term(self.context);
    throw ConfigError("health.status_endpoint: " + endpoint + ": " + why);
  }
}

StatusSender::~StatusSender() {
  if (!impl_->context) return;
  StatusReport goodbye = impl_->last;
  goodbye.state = "stopped";
  send(std::move(goodbye));
  zmq_close(impl_->socket);
  // Ending the context waits for ZeroMQ's thread, which may hang in a slow name look-up. Then it is left to the exit.
  auto ended = std::make_shared<std::promise<void>>();
  const auto done = ended->get_future();
  try {
    std::thread([ended, context = impl_->context] {
      zmq_ctx_term(context);
      ended->set_value();
    }).detach();
    done.wait_for(longest_farewell);
  } catch (const std::system_error&) {  // no more threads
  }
}

void StatusSender::send(StatusReport report) {
  Impl& self = *impl_;
  report.component = self.last.component;
  report.instance = self.last.instance;
  report.pid = self.last.pid;
  report.host = self.last.host;
  report.started_at_ms = self.last.started_at_ms;
  report.sequence = self.last.sequence + 1;
  self.last = std::move(report);
  if (!self.socket) return;
  const std::string frame = encode(self.last);
  zmq_send(self.socket, frame.data(), frame.size(), ZMQ_DONTWAIT);
}

}  // namespace fraiseql
