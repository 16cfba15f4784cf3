#include "healthd/http_server.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "common/errors.hpp"

namespace fraiseql {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto longest_wait_for_head = 5s;
constexpr auto longest_life = 9s;     // "closed within 10 s", the check below included
constexpr auto longest_farewell = 1s;  // for the client to read the answer and close
constexpr auto between_checks = 200ms;
constexpr std::size_t most_connections = 1000;

const char* phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
  }
}

std::string on_the_wire(const Response& response, bool with_body) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ' + phrase(response.status) + "\r\nContent-Type: " + response.type +
                    "\r\nContent-Length: " + std::to_string(response.body.size()) +
                    "\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Security-Policy: " + response.policy +
                    // No site may frame us, load us as its own, learn from links where we are, or have what we send guessed at.
                    "\r\nX-Frame-Options: DENY\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer"
                    "\r\nCross-Origin-Resource-Policy: same-origin\r\n";
  if (!response.allow.empty()) out += "Allow: " + response.allow + "\r\n";
  out += "\r\n";
  if (with_body) out += response.body;
  return out;
}

Response plain(int status) { return {status, "text/plain; charset=utf-8", std::string(phrase(status)) + "\n", "", Response{}.policy}; }

struct Connection {
  enum class Phase { reading, writing, leaving };
  Phase phase = Phase::reading;
  Clock::time_point deadline, last_call;
  std::string in, out;
  std::size_t sent = 0;
};

struct AddressListRelease {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

struct HttpServer::Impl {
  Handler handler;
  int epoll = -1;
  std::vector<int> listeners;
  std::map<int, Connection> connections;  // by file descriptor
  std::size_t limit = most_connections;
  Clock::time_point checked{};

  ~Impl() {
    for (const auto& [fd, connection] : connections) close(fd);
    for (const int fd : listeners) close(fd);
    if (epoll >= 0) close(epoll);
  }

  void watch(int fd, std::uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll, operation, fd, &event);
  }

  void drop(int fd) {
    close(fd);  // leaves the epoll set by itself
    connections.erase(fd);
  }

  /// The connection that has been unfinished for longest.
  void make_room() {
    const auto oldest = std::min_element(connections.begin(), connections.end(),
                                         [](const auto& a, const auto& b) { return a.second.last_call < b.second.last_call; });
    if (oldest != connections.end()) drop(oldest->first);
  }

  void accept_all(int listener) {
    for (int i = 0; i < 64; ++i) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if ((errno == EMFILE || errno == ENFILE) && !connections.empty()) {
          make_room();
          continue;
        }
        return;
      }
      if (connections.size() >= limit) make_room();
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const auto now = Clock::now();
      Connection& connection = connections[fd];
      connection = {};
      connection.deadline = now + longest_wait_for_head;
      connection.last_call = now + longest_life;
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void answer(int fd, Connection& connection, const Response& response, bool with_body = true) {
    connection.phase = Connection::Phase::writing;
    connection.deadline = connection.last_call;
    connection.in = {};
    connection.out = on_the_wire(response, with_body);
    write(fd, connection);
  }

  void write(int fd, Connection& connection) {
    while (connection.sent < connection.out.size()) {
      const ssize_t n = send(fd, connection.out.data() + connection.sent, connection.out.size() - connection.sent, MSG_NOSIGNAL);
      if (n > 0) {
        connection.sent += static_cast<std::size_t>(n);
      } else if (n < 0 && errno == EINTR) {
        continue;
      } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
      } else {
        return drop(fd);
      }
    }
    // Closing while bytes of the client lie unread would reset the connection, and with it our answer.
    shutdown(fd, SHUT_WR);
    connection.phase = Connection::Phase::leaving;
    connection.out = {};
    connection.deadline = std::min(Clock::now() + longest_farewell, connection.last_call);
    watch(fd, EPOLLIN, EPOLL_CTL_MOD);
  }

  void read(int fd, Connection& connection) {
    char buffer[16 * 1024];
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return drop(fd);
    if (n < 0 || connection.phase == Connection::Phase::leaving) return;
    connection.in.append(buffer, static_cast<std::size_t>(n));
    const Head head = read_head(connection.in);
    if (head.state == Head::State::incomplete) return;
    if (head.state == Head::State::refused) return answer(fd, connection, plain(head.refusal));
    Response response = plain(500);
    try {
      response = handler(head.request);
    } catch (const std::exception&) {  // out of memory, say; one answer less
    }
    answer(fd, connection, response, head.request.method != "HEAD");
  }

  void serve(int fd, std::uint32_t events) {
    const auto found = connections.find(fd);
    if (found == connections.end()) return;
    if (events & (EPOLLERR | EPOLLHUP)) return drop(fd);
    if (found->second.phase == Connection::Phase::writing) {
      if (events & EPOLLOUT) write(fd, found->second);
    } else if (events & EPOLLIN) {
      read(fd, found->second);
    }
  }

  void end_the_late() {
    const auto now = Clock::now();
    if (now - checked < between_checks) return;
    checked = now;
    std::vector<int> late;
    for (const auto& [fd, connection] : connections)
      if (now >= connection.deadline) late.push_back(fd);
    for (const int fd : late) {
      Connection& connection = connections[fd];
      if (connection.phase == Connection::Phase::reading && !connection.in.empty()) answer(fd, connection, plain(408));
      else drop(fd);
    }
  }
};

HttpServer::HttpServer(const std::string& listen, Handler handler) : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  self.handler = std::move(handler);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) self.limit = std::clamp<std::size_t>(files.rlim_cur / 2, 8, most_connections);

  const auto colon = listen.rfind(':');
  std::string host = colon == std::string::npos ? "" : listen.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : listen.substr(colon + 1);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  if (const int why = getaddrinfo(host.empty() || host == "*" ? nullptr : host.c_str(), port.c_str(), &hints, &raw); why != 0)
    throw ConfigError("health.listen: " + listen + ": " + gai_strerror(why));
  const std::unique_ptr<addrinfo, AddressListRelease> addresses(raw);

  self.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (self.epoll < 0) throw Unavailable(std::string("epoll: ") + std::strerror(errno));
  int why = EADDRNOTAVAIL;
  for (const addrinfo* one = addresses.get(); one; one = one->ai_next) {
    const int fd = socket(one->ai_family, one->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, one->ai_protocol);
    if (fd < 0) {
      if (errno != EAFNOSUPPORT) why = errno;
      continue;
    }
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // over what the last process left in TIME_WAIT, not over a living one
    if (one->ai_family == AF_INET6 && addresses->ai_next) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, one->ai_addr, one->ai_addrlen) != 0 || ::listen(fd, 1024) != 0) {
      why = errno;
      close(fd);
      if (why == EADDRINUSE) throw Unavailable("health.listen: " + listen + " is in use by another program; stop it, or choose another address");
      continue;
    }
    self.listeners.push_back(fd);
    self.watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  }
  // A name may have an address that this machine does not, such as ::1 in a container.
  if (self.listeners.empty()) throw ConfigError("health.listen: " + listen + ": " + std::strerror(why));
}

HttpServer::~HttpServer() = default;

void HttpServer::turn(std::chrono::milliseconds pause) {
  Impl& self = *impl_;
  epoll_event events[128];
  const auto wait = self.connections.empty() ? pause : std::min<std::chrono::milliseconds>(pause, between_checks);
  const int n = epoll_wait(self.epoll, events, 128, static_cast<int>(wait.count()));
  const auto listens = [&](int fd) { return std::find(self.listeners.begin(), self.listeners.end(), fd) != self.listeners.end(); };
  // New ones last: they may get the number of a connection that ends in this very turn.
  for (int i = 0; i < n; ++i)
    if (!listens(events[i].data.fd)) self.serve(events[i].data.fd, events[i].events);
  for (int i = 0; i < n; ++i)
    if (listens(events[i].data.fd)) self.accept_all(events[i].data.fd);
  self.end_the_late();
}

}  // namespace fraiseql
