#include "healthd/collector.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>

#include "common/errors.hpp"
#include "healthd/health.hpp"

namespace fraiseql {
namespace {

constexpr int largest_frame = 64 * 1024;
// Reports of a turn. A flood beyond these waits in ZeroMQ's queues, which drop; they are emptied in turns, so that the
// others are heard none the less.
constexpr int most_per_turn = 1000;
constexpr auto pause_in_a_flood = std::chrono::milliseconds(20);

std::string in_use(const std::string& endpoint) {
  return "health.status_endpoint: " + endpoint + " is in use by another program; stop it, or choose another endpoint";
}

/// ZeroMQ binds addresses and interfaces, but no host names, which is what reporters on other machines use.
std::string resolved(const std::string& endpoint) {
  const auto colon = endpoint.rfind(':');
  if (!endpoint.starts_with("tcp://") || colon < 6) return "";
  const std::string host = endpoint.substr(6, colon - 6);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return "";
  char text[NI_MAXHOST] = "";
  const bool six = list->ai_family == AF_INET6;
  const int status = getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  freeaddrinfo(list);
  if (status != 0) return "";
  return "tcp://" + (six ? "[" + std::string(text) + "]" : std::string(text)) + endpoint.substr(colon);
}

}  // namespace

struct Collector::Impl {
  explicit Impl(Health& health_) : health(health_) {}
  ~Impl() {
    if (socket) zmq_close(socket);
    if (context) zmq_ctx_term(context);
    if (lock >= 0) close(lock);
  }

  /// The lock lives as long as this process: a lock file that is left behind holds nothing up.
  void take_lock(const std::string& endpoint, const std::string& path) {
    lock = open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) throw ConfigError("health.status_endpoint: " + path + ".lock: " + std::strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) throw Unavailable(in_use(endpoint));
    struct stat there {};
    if (lstat(path.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode))
      throw ConfigError("health.status_endpoint: " + path + " exists and is no socket; choose another path");
  }

  void bind(const std::string& endpoint) {
    const mode_t mask = umask(0177);
    int status = zmq_bind(socket, endpoint.c_str());
    int why = zmq_errno();
    umask(mask);
    if (status != 0 && (why == ENODEV || why == EINVAL)) {
      const std::string numeric = resolved(endpoint);
      if (!numeric.empty()) {
        status = zmq_bind(socket, numeric.c_str());
        why = zmq_errno();
      }
    }
    if (status == 0) return;
    if (why == EADDRINUSE) throw Unavailable(in_use(endpoint));
    throw ConfigError("health.status_endpoint: " + endpoint + ": " + zmq_strerror(why));
  }

  Health& health;
  int lock = -1;
  void* context = nullptr;
  void* socket = nullptr;
};

Collector::Collector(const std::string& endpoint, Health& health) : impl_(std::make_unique<Impl>(health)) {
  Impl& self = *impl_;
  if (endpoint.starts_with("ipc://") && !endpoint.starts_with("ipc://@")) self.take_lock(endpoint, endpoint.substr(6));
  self.context = zmq_ctx_new();
  self.socket = self.context ? zmq_socket(self.context, ZMQ_SUB) : nullptr;
  if (!self.socket) throw Unavailable(std::string("ZeroMQ: ") + zmq_strerror(zmq_errno()));
  const auto set = [&](int option, int value) { zmq_setsockopt(self.socket, option, &value, sizeof value); };
  const std::int64_t largest = largest_frame;  // a frame may claim 8 GiB otherwise
  zmq_setsockopt(self.socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
  set(ZMQ_RCVHWM, 200);  // per reporter
  set(ZMQ_LINGER, 0);
  set(ZMQ_HANDSHAKE_IVL, 3000);
  set(ZMQ_HEARTBEAT_IVL, 5000);  // a machine that vanished sends no reset
  set(ZMQ_HEARTBEAT_TIMEOUT, 15000);
  set(ZMQ_IPV6, 1);
  zmq_setsockopt(self.socket, ZMQ_SUBSCRIBE, "", 0);
  self.bind(endpoint);
}

Collector::~Collector() = default;

void Collector::turn(std::chrono::milliseconds pause) {
  Impl& self = *impl_;
  zmq_pollitem_t item{self.socket, 0, ZMQ_POLLIN, 0};
  if (zmq_poll(&item, 1, static_cast<long>(pause.count())) <= 0) return;
  for (int taken = 0; taken < most_per_turn; ++taken) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, self.socket, ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(&frame);
      return;
    }
    // A report is one frame. Of a longer message nothing is taken.
    bool several = false;
    while (zmq_msg_more(&frame)) {
      several = true;
      if (zmq_msg_recv(&frame, self.socket, ZMQ_DONTWAIT) < 0) break;  // ZeroMQ delivers messages whole: cannot happen
    }
    if (several) self.health.drop("nonsense");
    else self.health.take({static_cast<const char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame)});
    zmq_msg_close(&frame);
  }
  std::this_thread::sleep_for(pause_in_a_flood);
}

}  // namespace fraiseql
