#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "executor/outcome.hpp"

namespace fraiseql {

class AddressPolicy;
class Loop;

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<std::string> headers;          ///< "Name: value", without line breaks
  std::string_view body;                     ///< must live until the outcome is told or the request is cancelled
  std::chrono::milliseconds timeout{30000};  ///< from the start to the last byte of the answer
};

/// Sends requests and tells what came of each, all on the loop's thread. Follows no redirect, uses no proxy, verifies TLS,
/// connects only to addresses that the policy allows, reads at most 64 KiB of an answer, and keeps connections alive.
class HttpClient {
 public:
  using Done = std::function<void(Outcome)>;

  /// Keeps `loop` and `policy`. `connections`: how many idle ones to keep.
  HttpClient(Loop& loop, const AddressPolicy& policy, int connections);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// `done` is called once, later, from the loop. Returns a number for `cancel`.
  std::uint64_t start(HttpRequest request, Done done);
  void cancel(std::uint64_t request);  ///< `done` is not called any more

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The part of a URL that names the peer, such as "example.com:443", in lower case. Throws ConfigError when the URL is
/// malformed or neither http nor https.
std::string host_of(const std::string& url);

}  // namespace fraiseql
