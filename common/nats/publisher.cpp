#include "common/nats/publisher.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>

#include "common/errors.hpp"

namespace fraiseql::nats {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t write_at = 64 * 1024;
constexpr std::size_t read_size = 64 * 1024;
constexpr auto ping_every = 3s;
constexpr auto silence_limit = 9s;
constexpr auto connect_limit = 5s;

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

Socket connect_to(const ServerUrl& url, Clock::time_point deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found); failed != 0)
    throw Unavailable("connect to NATS: " + url.host + ": " + gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  std::string why = "no address";
  for (const addrinfo* address = found; address; address = address->ai_next) {
    Socket socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.fd() < 0) continue;
    int error = 0;
    if (connect(socket.fd(), address->ai_addr, address->ai_addrlen) != 0) {
      if (errno != EINPROGRESS) {
        why = std::strerror(errno);
        continue;
      }
      pollfd waiting{socket.fd(), POLLOUT, 0};
      socklen_t size = sizeof error;
      if (poll(&waiting, 1, milliseconds_until(deadline)) <= 0) error = ETIMEDOUT;
      else getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0) {
      const int on = 1;
      setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    why = std::strerror(error);
  }
  throw Unavailable("connect to NATS: " + url.host + ":" + url.port + ": " + why);
}

std::string random_token() {
  static constexpr char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device device;
  std::string token;
  for (int i = 0; i < 22; ++i) token += letters[device() % 62];
  return token;
}

}  // namespace

Result<ServerUrl> parse_server_url(std::string_view url) {
  while (!url.empty() && url.front() == ' ') url.remove_prefix(1);
  while (!url.empty() && url.back() == ' ') url.remove_suffix(1);
  ServerUrl server;
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = url.substr(0, scheme);
    if (name != "nats" && name != "tls") return Error{"a NATS URL starts with nats:// or tls://"};
    server.tls = name == "tls";
    url.remove_prefix(scheme + 3);
  }
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = url.substr(0, at);
    const auto colon = who.find(':');
    if (colon == std::string_view::npos) {
      server.token = percent_decoded(who);
    } else {
      server.user = percent_decoded(who.substr(0, colon));
      server.password = percent_decoded(who.substr(colon + 1));
    }
    url.remove_prefix(at + 1);
  }
  while (!url.empty() && url.back() == '/') url.remove_suffix(1);
  if (url.starts_with('[')) {
    const auto end = url.find(']');
    if (end == std::string_view::npos) return Error{"an address in brackets is not closed"};
    server.host = url.substr(1, end - 1);
    url.remove_prefix(end + 1);
    if (!url.empty() && !url.starts_with(':')) return Error{"an address in brackets is followed by a port or nothing"};
  } else {
    server.host = url.substr(0, url.find(':'));
    url.remove_prefix(server.host.size());
  }
  server.port = url.starts_with(':') ? std::string(url.substr(1)) : "4222";
  if (server.host.empty() || server.port.empty()) return Error{"a NATS URL needs a host"};
  return server;
}

struct Publisher::Impl {
  Socket socket;
  wire::ServerInfo info;
  wire::Reader reader;
  std::string out;
  std::size_t written = 0;
  bool blocked = false;
  std::string reply_prefix;
  Clock::time_point heard = Clock::now(), pinged = Clock::now();

  // Reads what is there; false when there was nothing.
  bool read_some() {
    const ssize_t got = recv(socket.fd(), reader.space(read_size), read_size, 0);
    if (got > 0) {
      reader.filled(static_cast<std::size_t>(got));
      heard = Clock::now();
      return true;
    }
    if (got == 0) throw Unavailable("NATS closed the connection");
    if (errno == EAGAIN || errno == EINTR) return false;
    throw Unavailable(std::string("NATS connection: ") + std::strerror(errno));
  }

  wire::Frame wait_for(wire::Frame::Kind kind, Clock::time_point deadline) {
    wire::Frame frame;
    while (true) {
      switch (reader.next(frame)) {
        case wire::Reader::Got::nonsense: throw Unavailable("connect to NATS: the peer does not speak NATS");
        case wire::Reader::Got::frame:
          if (frame.kind == kind) return frame;
          if (frame.kind == wire::Frame::Kind::error) throw Unavailable("connect to NATS: " + std::string(frame.payload));
          continue;
        case wire::Reader::Got::more: break;
      }
      pollfd waiting{socket.fd(), POLLIN, 0};
      const int left = milliseconds_until(deadline);
      if (left == 0 || poll(&waiting, 1, left) <= 0) throw Unavailable("connect to NATS: no answer in time");
      read_some();
    }
  }

  void write_all(std::string_view text, Clock::time_point deadline) {
    while (!text.empty()) {
      const ssize_t sent = send(socket.fd(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        text.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        pollfd waiting{socket.fd(), POLLOUT, 0};
        if (poll(&waiting, 1, milliseconds_until(deadline)) <= 0) throw Unavailable("connect to NATS: no answer in time");
      } else {
        throw Unavailable(std::string("connect to NATS: ") + std::strerror(errno));
      }
    }
  }

  void open(const ServerUrl& url, const NatsConfig& config, const std::string& name) {
    const auto deadline = Clock::now() + connect_limit;
    reader = wire::Reader();
    socket = connect_to(url, deadline);
    const auto read = wire::parse_info(wait_for(wire::Frame::Kind::info, deadline).payload);
    if (!read) throw Unavailable("connect to NATS: " + read.error().what);
    info = read.value();
    if (info.tls_required || url.tls) throw ConfigError("transport.nats.url: TLS: not supported yet");
    if (!info.headers) throw ConfigError("nats-server " + info.version + " does not know headers: 2.9 or later is needed");
    wire::Hello hello{name, config.user, config.password, config.token};
    if (!url.user.empty()) hello.user = url.user, hello.password = url.password;
    if (!url.token.empty()) hello.token = url.token;
    write_all(wire::connect_line(hello) + "SUB " + reply_prefix + "* 1\r\nPING\r\n", deadline);
    wait_for(wire::Frame::Kind::pong, deadline);
    heard = pinged = Clock::now();
  }
};

Publisher::Publisher(const NatsConfig& config, const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->reply_prefix = "_INBOX." + random_token() + ".";
  std::string why = "connect to NATS: no server";
  std::string_view rest = config.url;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto url = parse_server_url(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (!url) throw ConfigError("transport.nats.url: " + url.error().what);
    try {
      impl_->open(url.value(), config, name);
      return;
    } catch (const Unavailable& e) {
      why = e.what();
    }
  }
  throw Unavailable(why);
}

Publisher::~Publisher() = default;

std::int64_t Publisher::max_payload() const { return impl_->info.max_payload; }
int Publisher::fd() const { return impl_->socket.fd(); }
bool Publisher::pending() const { return impl_->written < impl_->out.size(); }
bool Publisher::blocked() const { return impl_->blocked; }
const std::string& Publisher::reply_prefix() const { return impl_->reply_prefix; }
std::string& Publisher::buffer() { return impl_->out; }

void Publisher::publish(std::string_view subject, const std::uint64_t* reply, std::string_view headers, std::string_view payload) {
  char text[64];
  std::string_view to;
  if (reply) {
    std::memcpy(text, impl_->reply_prefix.data(), impl_->reply_prefix.size());
    const auto end = std::to_chars(text + impl_->reply_prefix.size(), text + sizeof text, *reply).ptr;
    to = {text, static_cast<std::size_t>(end - text)};
  }
  wire::append_publish(impl_->out, subject, to, headers, payload);
  appended();
}

void Publisher::appended() {
  if (!impl_->blocked && impl_->out.size() - impl_->written >= write_at) flush();
}

void Publisher::flush() {
  Impl& self = *impl_;
  self.blocked = false;
  while (self.written < self.out.size()) {
    const ssize_t sent = send(self.socket.fd(), self.out.data() + self.written, self.out.size() - self.written, MSG_NOSIGNAL);
    if (sent > 0) {
      self.written += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) throw Unavailable(std::string("NATS connection: ") + std::strerror(errno));
    self.blocked = true;
    break;
  }
  if (self.written == self.out.size()) {
    self.out.clear();
    self.written = 0;
    // One large row must not keep its memory for ever.
    if (self.out.capacity() > 16 * write_at) self.out.shrink_to_fit();
  } else if (self.written > 4 * write_at && self.written >= self.out.size() / 2) {
    // Not before half of it has gone: a row of 64 MiB would be moved at each of its hundreds of writes.
    self.out.erase(0, self.written);
    self.written = 0;
  }
}

bool Publisher::next(Answer& answer) {
  Impl& self = *impl_;
  wire::Frame frame;
  bool read = false;
  while (true) {
    switch (self.reader.next(frame)) {
      case wire::Reader::Got::nonsense: throw Unavailable("NATS sent what is not NATS");
      case wire::Reader::Got::more:
        if (read || !self.read_some()) return false;
        read = true;
        continue;
      case wire::Reader::Got::frame: break;
    }
    switch (frame.kind) {
      case wire::Frame::Kind::ping: self.out += "PONG\r\n"; flush(); continue;
      case wire::Frame::Kind::error: throw Unavailable("NATS: " + std::string(frame.payload));
      case wire::Frame::Kind::info: {
        // A server that is about to go tells so by a new INFO; the lost connection follows. A new limit counts at once.
        if (const auto info = wire::parse_info(frame.payload)) self.info.max_payload = info.value().max_payload;
        continue;
      }
      case wire::Frame::Kind::message: break;
      default: continue;
    }
    if (!frame.subject.starts_with(self.reply_prefix)) continue;
    const std::string_view number = frame.subject.substr(self.reply_prefix.size());
    answer.reply = 0;
    std::from_chars(number.data(), number.data() + number.size(), answer.reply);
    answer.no_stream = frame.headers.starts_with("NATS/1.0 503");
    answer.payload = frame.payload;
    return true;
  }
}

void Publisher::tick(Clock::time_point now) {
  Impl& self = *impl_;
  if (now - self.heard > silence_limit) throw Unavailable("NATS: nothing heard for 9 s");
  if (now - self.pinged >= ping_every) {
    self.out += "PING\r\n";
    self.pinged = now;
    flush();
  }
}

}  // namespace fraiseql::nats
