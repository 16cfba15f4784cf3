#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "executor/origin.hpp"
#include "executor/requests.hpp"

namespace fraiseql {

class Tally;
struct NatsConfig;

/// Writes dead letters to their stream, and repeats each until it is there; the ids make a repeat harmless.
class JetStreamDeadLetters : public DeadLetters {
 public:
  struct Calls {
    std::function<void()> missing;   ///< there is no dead letter stream: make it
    std::function<void()> repaired;  ///< no letter is overdue any more
  };
  /// Keeps all by reference. `max_payload`: bytes that the server takes.
  JetStreamDeadLetters(Loop& loop, Requests& requests, Tally& tally, const NatsConfig& config, std::int64_t max_payload,
                       Calls calls);

  void write(const StoredMessage& message, const Cause& cause, std::function<void()> stored) override;
  bool failing() const override { return overdue_ > 0; }
  const std::string& why() const override { return why_; }

 private:
  struct Waiting {
    Letter letter;
    std::function<void()> stored;
    bool overdue = false;
    bool repeated = false;  ///< sent more than once
  };
  void send(std::uint64_t number);
  void answered(std::uint64_t number, const Requests::Reply& reply);
  void look_for_the_first(std::uint64_t number, std::uint64_t seq);
  void stored(std::uint64_t number);
  void again(std::uint64_t number, const std::string& why);

  Loop& loop_;
  Requests& requests_;
  Tally& tally_;
  const NatsConfig& config_;
  std::int64_t max_payload_;
  Calls calls_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 1;
  int overdue_ = 0;
  std::string why_;
};

}  // namespace fraiseql
