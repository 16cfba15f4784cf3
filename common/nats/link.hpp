#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/config.hpp"
#include "common/nats/handles.hpp"

namespace fraiseql::nats {

/// The answer of one JetStream API call. `json` is the whole answer.
struct ApiAnswer {
  std::string json;
  int code = 0;      ///< HTTP-like; 0: no error
  int err_code = 0;  ///< JetStream's own, 10059 and the like; 0: no error
  std::string description;
  bool failed() const { return code != 0; }
};

/// One connection to NATS: the only place that connects. Owns the connection; destroying it closes and waits for cnats'
/// callbacks to end. The methods may be called from any thread.
///
/// Throws Unavailable when the server is not reached within ten seconds, whatever it sends meanwhile, and ConfigError
/// for settings that cnats refuses (a malformed URL, an unreadable file).
class Link {
 public:
  enum class Reconnect { never, always };

  /// `changed` is called from cnats' threads when the connection is lost, back or closed, or an asynchronous error
  /// has come: it may only put something into a queue and wake its loop.
  Link(const NatsConfig& config, Reconnect reconnect, const std::string& name, std::function<void()> changed = {});
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  natsConnection* get() const;
  bool closed() const;                ///< for good: make a new Link
  bool connected() const;
  std::uint64_t reconnects() const;   ///< grows with each reconnect: pulls and requests of before are gone
  std::string trouble() const;        ///< the last asynchronous error, such as a permissions violation; empty: none
  std::int64_t max_payload() const;   ///< bytes of headers and payload together that the server takes
  std::string server() const;         ///< URL of the connected server, without user and password

  /// Calls `$JS.API.<subject>`. Throws Unavailable when there is no answer within `limit`; an error of JetStream is an answer.
  ApiAnswer api(std::string_view subject, std::string_view json = {}, std::chrono::milliseconds limit = std::chrono::seconds(5)) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Reads JetStream's answer. Pure.
ApiAnswer parse_answer(std::string json);

}  // namespace fraiseql::nats
