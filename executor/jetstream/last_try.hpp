#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/config.hpp"
#include "executor/jetstream/pull.hpp"

namespace fraiseql {

class Acks;
class Background;
class Broker;
class Worker;

/// Gives a message that has used up its deliveries one more try, alone: `max_deliver` counts deliveries, and an executor
/// that dies of one message uses up those of all others it holds. The advisories' consumer hands out one at a time, to one
/// executor. Two executors that died while they held nothing else condemn the message. All on the loop's thread, and
/// idempotent per stream sequence: servers tell of the same message more than once.
class LastTry {
 public:
  struct Tools {  ///< kept
    Loop& loop;
    natsConnection* connection;
    const NatsConfig& config;
    Broker& broker;
    Background& background;
    Worker& worker;
    Acks& acks;
  };
  struct Calls {
    /// Ends the pull of ordinary messages and calls back when none can come any more.
    std::function<void(std::function<void()>)> stop_pulling;
    std::function<void()> over;                       ///< pulling may go on, or the stop
    std::function<void(const std::string&)> trouble;  ///< JetStream did not answer, or the advisories are gone
  };
  LastTry(const Tools& tools, Calls calls);
  ~LastTry() { tools_.loop.cancel(patience_); }

  void ready();  ///< connected, and everything is there: look out for advisories
  void lost();   ///< the connection is lost, and the open pull with it
  void stop();
  void worker_changed();  ///< the worker may have become empty
  void still_working();
  /// An advisory is in hand, or the next one is about to come: nothing new may be pulled.
  bool busy() const { return seq_ != 0 || lingering_; }

 private:
  void advised(const nats::Message& message);
  void begin_when_alone();
  void judged(std::shared_ptr<void> verdict);
  void finish(bool settled);
  void forget();
  void linger();
  void linger_no_more();

  Tools tools_;
  Calls calls_;
  Pull pull_;
  bool ready_ = false, stopping_ = false;
  // The advisory in hand.
  std::string reply_;
  std::uint64_t seq_ = 0, deliveries_ = 0;
  bool drained_ = false, begun_ = false;
  bool more_ = false;       // advisories waited behind it
  bool lingering_ = false;  // none in hand, nothing pulled yet
  Loop::Timer patience_;
  std::string event_;
};

}  // namespace fraiseql
