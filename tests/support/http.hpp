#pragma once

#include <chrono>
#include <string>

namespace fraiseql::test {

/// A TCP connection to 127.0.0.1 that speaks what it is told. Throws std::runtime_error when it cannot connect.
class RawConnection {
 public:
  explicit RawConnection(int port);
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool send(const std::string& bytes);  ///< false: the other side has closed
  /// All that comes until the other side closes, or for `limit`; `closed()` says which.
  std::string read(std::chrono::milliseconds limit = std::chrono::seconds(20));
  bool closed() const { return closed_; }

 private:
  int fd_;
  bool closed_ = false;
};

struct HttpAnswer {
  int status = 0;  ///< 0: nobody listens, or no HTTP came
  std::string head, body;
};
HttpAnswer http_raw(int port, const std::string& request);
HttpAnswer http_get(int port, const std::string& target, const std::string& method = "GET");

}  // namespace fraiseql::test
