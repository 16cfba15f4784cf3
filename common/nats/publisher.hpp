#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/config.hpp"
#include "common/nats/wire.hpp"

namespace fraiseql::nats {

/// A connection that only publishes and takes the answers: a bare socket, for the library's bookkeeping per message costs
/// more than everything else together (1.4 to 2 us of CPU a message here, 6 to 11 through cnats). Nothing is sent again:
/// when it is lost, it throws, and whoever owns the window starts anew from what is known to be stored.
///
/// Owns its socket. Not thread-safe. Every call may throw Unavailable: connection lost, -ERR, nothing heard for 9 s.
class Publisher {
 public:
  /// Connects to the first server of the list that answers within 5 s. Throws ConfigError when TLS is asked for.
  Publisher(const NatsConfig& config, const std::string& name);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  std::int64_t max_payload() const;
  int fd() const;  ///< for the owner's poll: readable, and writable while `pending()`
  bool pending() const;  ///< something is buffered
  bool blocked() const;  ///< the socket did not take all of it: wait until it is writable

  /// Subject under which answers come back: reply_prefix() + number.
  const std::string& reply_prefix() const;

  /// Buffers one message; `reply` is the number of the answer asked for, or none. Writes when 64 KiB have gathered.
  void publish(std::string_view subject, const std::uint64_t* reply, std::string_view headers, std::string_view payload);
  /// The buffer itself, for a frame that is built in place: append, then call `appended`.
  std::string& buffer();
  void appended();
  /// Writes what the socket takes; never waits.
  void flush();

  /// One answer: the number it was asked under; `no_stream` when nobody listens on the subject.
  struct Answer {
    std::uint64_t reply;
    bool no_stream;
    std::string_view payload;  ///< valid until the next call
  };
  /// The next answer that has come; false when there is none now. Reads the socket when its buffer is empty, never waits.
  bool next(Answer& answer);

  /// Keeps the connection alive and notices silence: call at least once a second.
  void tick(std::chrono::steady_clock::time_point now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One server of a list "nats://user:password@host:port,...". Pure. An Error names what is wrong with it.
struct ServerUrl {
  std::string host;
  std::string port;
  std::string user, password, token;
  bool tls = false;
};
Result<ServerUrl> parse_server_url(std::string_view url);

}  // namespace fraiseql::nats
