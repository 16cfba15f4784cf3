#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/nats/link.hpp"
#include "executor/background.hpp"
#include "executor/blocking.hpp"
#include "executor/http_client.hpp"
#include "executor/jetstream/acks.hpp"
#include "executor/jetstream/broker.hpp"
#include "executor/jetstream/dead_letters.hpp"
#include "executor/jetstream/last_try.hpp"
#include "executor/jetstream/progress_store.hpp"
#include "executor/jetstream/pull.hpp"
#include "executor/loop.hpp"
#include "executor/requests.hpp"
#include "executor/session_parts.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

/// One session of an executor with JetStream: what is told in session.hpp, in the order in which it happens. It outlives
/// losses of its connection.
class JetStreamSession {
 public:
  explicit JetStreamSession(const SessionParts& parts);
  ~JetStreamSession();
  void run();

 private:
  void connection_changed();
  void prepare();
  void prepared(std::optional<ConsumerState> consumer);
  void not_prepared(const std::string& why);
  void prepare_again();
  void consumer_is(const ConsumerState& consumer);
  void consumer_gone(const std::string& why, bool deleted);
  void ensure_own();
  void ask();
  void tick();
  void look();
  void sweep();
  void turned();
  void report();
  void stop();
  void end_if_done();
  void fail(std::exception_ptr why);
  /// Does `work` off the loop, and then `then` with its result on it. A ConfigError ends the session; Unavailable goes to `lost`.
  template <class Work, class Then>
  void off_loop(Work work, Then then, std::function<void(const std::string&)> lost);

  SessionParts parts_;
  const NatsConfig& nats_;
  Loop loop_;
  nats::Link link_;
  Requests requests_;
  JetStreamAcks acks_;
  Broker broker_;
  HttpClient http_;
  Blocking blocking_;
  JetStreamDeadLetters letters_;
  JetStreamProgress progress_;
  Worker worker_;
  Pull pull_;
  Background background_;  // after what its work uses: it ends first
  LastTry last_try_;

  bool connected_ = true, ready_ = false, own_ready_ = false, stopping_ = false, drained_ = false, cut_ = false, stale_ = false;
  bool preparing_ = false, looking_ = false, ensuring_ = false;
  std::uint64_t reconnects_ = 0;
  std::string consumer_created_;
  std::uint64_t settled_up_to_ = 0;  // stream sequence
  std::chrono::milliseconds ack_wait_;
  std::chrono::steady_clock::time_point api_ok_{}, last_sweep_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point floor_saved_{};
  bool said_missing_ = false, said_empty_ = false;
  std::map<std::string, std::string> problems_;
  Loop::Timer again_;
  std::exception_ptr failure_;
};

}  // namespace fraiseql
