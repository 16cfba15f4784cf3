#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/nats/link.hpp"

namespace fraiseql::test {

/// A message as the stream holds it.
struct StreamMessage {
  std::uint64_t seq = 0;
  std::string subject;
  std::string headers;  ///< the block with all its line breaks; of `all` empty
  std::string payload;
  std::string id;       ///< Nats-Msg-Id
  std::int64_t pk = 0;  ///< Fraiseql-Pk
};

/// Settings of a connection to this test program's nats-server, with the defaults of the configuration page.
NatsConfig nats_settings(const std::string& url);

/// Reads what a stream holds by the server's own API, knowing nothing of how it was written.
class StreamReader {
 public:
  explicit StreamReader(const std::string& url);
  StreamMessage at(const std::string& stream, std::uint64_t seq) const;  ///< throws when there is none
  std::vector<StreamMessage> all(const std::string& stream) const;       ///< in order; empty without a stream
  std::uint64_t count(const std::string& stream) const;                  ///< 0 without a stream
  const nats::Link& link() const { return link_; }
  std::string info(const std::string& stream) const;                     ///< STREAM.INFO's answer

 private:
  nats::Link link_;
};

}  // namespace fraiseql::test
