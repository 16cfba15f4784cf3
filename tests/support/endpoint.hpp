#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace fraiseql::test {

/// An HTTP endpoint on a free port of 127.0.0.1 that answers each request with 204 after the same pause, any number of them
/// at once, and counts them by path. One thread; for measurements, where WebhookReceiver's memory of requests is too slow.
class Endpoint {
 public:
  explicit Endpoint(std::chrono::milliseconds pause);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  std::string url(const std::string& path) const;
  std::map<std::string, std::uint64_t> counts() const;  ///< answered, by path
  std::uint64_t count() const;                          ///< all of them
  double seconds() const;                               ///< from the first answer to the last one

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fraiseql::test
