#pragma once

#include <chrono>
#include <functional>
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
  /// All that comes until the other side closes, it is `enough`, or for `limit`; `closed()` says whether the first.
  std::string read(std::chrono::milliseconds limit = std::chrono::seconds(20), const std::function<bool(const std::string&)>& enough = {});
  bool closed() const { return closed_; }

 private:
  int fd_;
  bool closed_ = false;
};

struct HttpAnswer {
  int status = 0;  ///< 0: nobody listens, or no HTTP came
  std::string head, body;
};
/// What answers one request: all until the connection closes, or as much as the answer says that it has.
HttpAnswer http_raw(int port, const std::string& request, std::chrono::milliseconds limit = std::chrono::seconds(20));
HttpAnswer http_get(int port, const std::string& target, const std::string& method = "GET");

}  // namespace fraiseql::test
