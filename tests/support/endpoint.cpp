#include "tests/support/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unordered_map>

namespace fraiseql::test {

using Clock = std::chrono::steady_clock;

struct Endpoint::Impl {
  explicit Impl(std::chrono::milliseconds pause_) : pause(pause_) {
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 4096) != 0 ||
        getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("the endpoint did not start");
    port = ntohs(address.sin_port);
    watch(listener);
    thread = std::thread([this] { run(); });
  }
  ~Impl() {
    stop = true;
    thread.join();
    for (const auto& [fd, text] : connections) close(fd);
    close(listener);
    close(epoll);
  }
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }

  void run() {
    epoll_event events[256];
    while (!stop) {
      long wait = 100;
      if (!due.empty())
        wait =
            std::max(0L, static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(due.front().at - Clock::now()).count()));
      const int ready = epoll_wait(epoll, events, 256, static_cast<int>(wait));
      for (int i = 0; i < ready; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener)
          take_connections();
        else
          read_from(fd);
      }
      answer_due();
    }
  }
  void take_connections() {
    for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections[fd];
      watch(fd);
    }
  }
  void read_from(int fd) {
    char buffer[65536];
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0) return;
    if (got == 0) {
      connections.erase(fd);
      close(fd);
      return;
    }
    std::string& text = connections[fd];
    text.append(buffer, static_cast<std::size_t>(got));
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const auto length = text.find("Content-Length: ");
    const std::size_t body = length < end ? std::stoul(text.substr(length + 16, 20)) : 0;
    if (text.size() < end + 4 + body) return;
    const auto from = text.find(' ') + 1;
    due.push_back({Clock::now() + pause, fd, text.substr(from, text.find(' ', from) - from)});
    text.clear();  // nobody sends the next one before our answer
  }
  void answer_due() {
    const auto now = Clock::now();
    while (!due.empty() && due.front().at <= now) {
      constexpr std::string_view answer = "HTTP/1.1 204 No Content\r\n\r\n";
      if (connections.contains(due.front().fd)) send(due.front().fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      {
        const std::lock_guard lock(mutex);
        if (answered.empty()) first = now;
        last = now;
        ++answered[due.front().path];
      }
      due.pop_front();
    }
  }

  struct Due {
    Clock::time_point at;
    int fd;
    std::string path;
  };
  const std::chrono::milliseconds pause;
  int epoll = epoll_create1(EPOLL_CLOEXEC), listener, port;
  std::unordered_map<int, std::string> connections;  // what has come of a request
  std::deque<Due> due;
  mutable std::mutex mutex;
  std::map<std::string, std::uint64_t> answered;
  Clock::time_point first, last;
  std::atomic<bool> stop{false};
  std::thread thread;
};

Endpoint::Endpoint(std::chrono::milliseconds pause) : impl_(std::make_unique<Impl>(pause)) {}
Endpoint::~Endpoint() = default;

std::string Endpoint::url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(impl_->port) + path; }

std::map<std::string, std::uint64_t> Endpoint::counts() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->answered;
}

std::uint64_t Endpoint::count() const {
  std::uint64_t sum = 0;
  for (const auto& [path, number] : counts()) sum += number;
  return sum;
}

double Endpoint::seconds() const {
  const std::lock_guard lock(impl_->mutex);
  return std::chrono::duration<double>(impl_->last - impl_->first).count();
}

}  // namespace fraiseql::test
