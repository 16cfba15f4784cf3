#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "executor/origin.hpp"

namespace fraiseql {

namespace nats {
class Link;
}

/// Answers to deliveries of a consumer. While it is not known whether the consumer is still the one that delivered, they are
/// kept back: in a stream made anew they would settle other messages. On the loop's thread.
class JetStreamAcks : public Acks {
 public:
  explicit JetStreamAcks(const nats::Link& link) : link_(link) {}

  void done(const std::string& reply) override { send(reply, "+ACK"); }
  void terminate(const std::string& reply) override { send(reply, "+TERM"); }
  void hand_back(const std::string& reply) override { send(reply, "-NAK {\"delay\":1000000000}"); }
  void working(const std::string& reply) override;  ///< lost when it cannot be sent now

  /// Does something that may be done only when every answer so far is sent: now, or when they are. Not when they are dropped.
  void once_sent(std::function<void()> work);

  void hold() { held_ = true; }
  void release();  ///< the consumer is the same: send what was kept back
  void drop();     ///< it is another one: forget what was kept back

 private:
  void send(const std::string& reply, const char* what);
  bool open() const;

  const nats::Link& link_;
  bool held_ = false;
  std::vector<std::pair<std::string, const char*>> kept_;
  std::vector<std::function<void()>> afterwards_;
};

}  // namespace fraiseql
