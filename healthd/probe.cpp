#include "healthd/probe.hpp"

#include <civetweb.h>

#include <array>
#include <charconv>
#include <memory>

namespace fraiseql::healthd {
namespace {

struct Close {
  void operator()(mg_connection* connection) const noexcept { mg_close_connection(connection); }
};

std::string reachable(std::string host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

}  // namespace

std::string probe(const std::string& listen) {
  const auto colon = listen.rfind(':');
  const std::string host = reachable(listen.substr(0, colon == std::string::npos ? 0 : colon));
  int port = 0;
  std::from_chars(listen.data() + (colon == std::string::npos ? 0 : colon + 1), listen.data() + listen.size(), port);

  mg_init_library(0);
  std::array<char, 256> error{};
  const std::unique_ptr<mg_connection, Close> connection(mg_connect_client(host.c_str(), port, 0, error.data(), error.size()));
  if (!connection) return listen + ": " + error.data();
  mg_printf(connection.get(), "GET /livez HTTP/1.1\r\nHost: healthd\r\nConnection: close\r\n\r\n");
  if (mg_get_response(connection.get(), error.data(), error.size(), 3000) < 0) return listen + ": no answer: " + error.data();
  const int status = mg_get_response_info(connection.get())->status_code;
  return status == 200 ? "" : listen + ": /livez answered " + std::to_string(status);
}

}  // namespace fraiseql::healthd
