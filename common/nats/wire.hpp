#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.hpp"

/// The client's side of the NATS protocol, as far as a publisher needs it. Pure: bytes in, values out.
/// After "Client Protocol" and "NATS headers" (ADR-4) of the NATS documentation.
namespace fraiseql::nats::wire {

/// What the server says of itself in its INFO line.
struct ServerInfo {
  std::int64_t max_payload = 1048576;  ///< bytes of headers and payload together
  bool headers = false;
  bool tls_required = false;
  std::string version;
};
Result<ServerInfo> parse_info(std::string_view json);

/// Who we are, in the CONNECT line. Empty members are left out.
struct Hello {
  std::string name, user, password, token;
};
std::string connect_line(const Hello& hello);

/// Appends the command line of an HPUB frame; `headers` bytes of the block and `total` of block and payload follow it.
void append_publish_line(std::string& out, std::string_view subject, std::string_view reply, std::size_t headers, std::size_t total);

/// Appends one HPUB frame: `headers` is the whole block with "NATS/1.0" and both line breaks at its end. The caller has
/// made sure that subject and reply hold no blank, CR or LF.
void append_publish(std::string& out, std::string_view subject, std::string_view reply, std::string_view headers, std::string_view payload);

/// One thing that the server sent. Views are valid until the next call of `feed` or `next`.
struct Frame {
  enum class Kind { message, ping, pong, ok, error, info } kind;
  std::string_view subject;
  std::string_view headers;  ///< with the status line; empty: none
  std::string_view payload;  ///< of error and info: the text
};

/// Cuts what comes from the socket into frames. Frames over `limit` bytes are an error, for a publisher only gets acks.
class Reader {
 public:
  explicit Reader(std::size_t limit = 1 << 20) : limit_(limit) {}
  /// Where to read to: at least `size` bytes, valid until the next call of anything here.
  char* space(std::size_t size);
  void filled(std::size_t bytes) { end_ += bytes; }
  /// The next whole frame. `more`: bytes are missing. Error: what came is not NATS.
  enum class Got { frame, more, nonsense };
  Got next(Frame& frame);

 private:
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0, limit_;
};

/// JetStream's answer to a publish.
struct PubAck {
  std::string_view stream;
  std::uint64_t seq = 0;
  bool duplicate = false;
  int code = 0;      ///< HTTP-like; 0: stored
  int err_code = 0;  ///< JetStream's own
  std::string description;
};
/// `payload` must outlive the answer. An Error when it is no PubAck.
Result<PubAck> parse_pub_ack(std::string_view payload);

}  // namespace fraiseql::nats::wire
