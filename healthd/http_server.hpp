#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "healthd/http_head.hpp"

namespace fraiseql {

struct Response {
  int status = 200;
  std::string type;   ///< Content-Type
  std::string body;
  std::string allow;  ///< Allow, of a 405
  std::string policy = "default-src 'none'; frame-ancestors 'none'";  ///< Content-Security-Policy: nothing here is to be rendered
};

/// Answers small GET requests on one event loop. Not a thread per connection: then as many idle clients as there are
/// threads keep the scrape waiting (shown with CivetServer). Here an idle client costs a few hundred bytes, every
/// connection ends within 10 s, and when there are too many the oldest unfinished one makes room.
class HttpServer {
 public:
  using Handler = std::function<Response(const Request&)>;

  /// Binds every address of `listen` (host:port). Throws Unavailable when an address is in use, ConfigError when it is
  /// no address of this machine. `handler` is called from turn().
  HttpServer(const std::string& listen, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Serves what is ready; waits for at most `pause` when nothing is.
  void turn(std::chrono::milliseconds pause);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fraiseql
