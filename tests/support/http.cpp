#include "tests/support/http.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "common/text.hpp"

namespace fraiseql::test {

RawConnection::RawConnection(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const std::string why = std::strerror(errno);
    if (fd_ >= 0) close(fd_);
    throw std::runtime_error("connect to port " + std::to_string(port) + ": " + why);
  }
}

RawConnection::~RawConnection() {
  if (fd_ >= 0) close(fd_);
}

RawConnection::RawConnection(RawConnection&& other) noexcept : fd_(std::exchange(other.fd_, -1)), closed_(other.closed_) {}

bool RawConnection::send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

std::string RawConnection::read(std::chrono::milliseconds limit, const std::function<bool(const std::string&)>& enough) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::string all;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd_, POLLIN, 0};
    if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return all;
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) {
      closed_ = true;
      return all;
    }
    all.append(buffer, static_cast<std::size_t>(n));
    if (enough && enough(all)) return all;
  }
}

namespace {

/// chromedriver keeps its connections open, whatever it is asked for.
bool is_whole(const std::string& answer) {
  const auto head = answer.find("\r\n\r\n");
  if (head == std::string::npos) return false;
  const std::string lines = lower_case(answer.substr(0, head));
  const auto length = lines.find("\r\ncontent-length:");
  return length != std::string::npos && answer.size() - head - 4 >= std::strtoul(lines.c_str() + length + 17, nullptr, 10);
}

}  // namespace

HttpAnswer http_raw(int port, const std::string& request, std::chrono::milliseconds limit) try {
  RawConnection connection(port);
  connection.send(request);
  const std::string all = connection.read(limit, is_whole);
  HttpAnswer answer;
  if (all.rfind("HTTP/1.1 ", 0) == 0) answer.status = std::atoi(all.c_str() + 9);
  const auto end = all.find("\r\n\r\n");
  answer.head = all.substr(0, end);
  if (end != std::string::npos) answer.body = all.substr(end + 4);
  return answer;
} catch (const std::runtime_error&) {
  return {};
}

HttpAnswer http_get(int port, const std::string& target, const std::string& method) {
  return http_raw(port, method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
}

}  // namespace fraiseql::test
