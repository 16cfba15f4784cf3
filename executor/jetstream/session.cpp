#include "executor/jetstream/session.hpp"

#include <sys/epoll.h>

#include <algorithm>

#include "common/log.hpp"
#include "common/reporter.hpp"
#include "common/stop.hpp"
#include "executor/jetstream/jetstream_session.hpp"
#include "executor/observer_file.hpp"
#include "executor/session_report.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int most_threads = 32;      // for each of mail, database, cache
constexpr auto api_ok_for = 4s;       // without a round trip JetStream counts as unreachable
constexpr auto hand_back_grace = 3s;  // to write progress at the end of a stop

}  // namespace

JetStreamSession::JetStreamSession(const SessionParts& parts)
    : parts_(parts),
      nats_(parts.config.nats),
      link_(nats_, nats::Link::Reconnect::always, "fraiseql executor", [this] { loop_.post([this] { connection_changed(); }); }),
      requests_(loop_, link_.get()),
      acks_(link_),
      broker_(link_, nats_),
      http_(loop_, parts.addresses, parts.config.max_concurrency),
      blocking_(std::min(parts.config.max_per_host, most_threads)),
      letters_(loop_, requests_, parts.tally, nats_, link_.max_payload(),
               {[this] { ensure_own(); }, [this] { worker_.resume(); }}),
      progress_(requests_, acks_, Broker::bucket(nats_), [this] { ensure_own(); }),
      worker_({{loop_, http_, blocking_, &requests_}, letters_, acks_, progress_, parts.tally, parts.config},
              parts.observers.current(), {[this] {
                last_try_.worker_changed();
                ask();
                end_if_done();
              }}),
      pull_(
          loop_, link_.get(), nats_.stream_name, nats_.consumer_name,
          {[this](const nats::Message& message) {
             if (stale_) return;
             const char* reply = natsMsg_GetReply(message.get());
             const auto delivery = reply ? parse_ack_subject(reply) : std::nullopt;
             if (!delivery) return;
             if (delivery->stream_seq <= settled_up_to_) return acks_.done(reply);
             worker_.take(stored_message(message.get()), reply, delivery->deliveries);
           },
           [this] { ask(); }, [this](const std::string& why) { consumer_gone(why, why.find("Deleted") != std::string::npos); }}),
      last_try_({loop_, link_.get(), nats_, broker_, background_, worker_, acks_},
                {[this](std::function<void()> ended) { pull_.end(std::move(ended)); },
                 [this] {
                   ask();
                   end_if_done();
                 },
                 [this](const std::string& why) {
                   log::warn("advisories cannot be read", {{"why", why}});
                   own_ready_ = false;
                   ensure_own();
                 }}),
      ack_wait_(nats_.ack_wait) {
  acks_.hold();  // until the consumer is known
}

JetStreamSession::~JetStreamSession() {
  parts_.reporter.update([](StatusReport& report) { report.problems.clear(); });
}

void JetStreamSession::run() {
  log::info("session open", {{"server", link_.server()}, {"stream", nats_.stream_name}, {"consumer", nats_.consumer_name}});
  loop_.on_turn([this] { turned(); });
  loop_.watch(parts_.stop.fd(), EPOLLIN, [this](std::uint32_t) {
    if (!parts_.stop.requested()) return;
    loop_.unwatch(parts_.stop.fd());
    stop();
  });
  if (parts_.stop.requested()) return;
  loop_.watch(parts_.observers.fd(), EPOLLIN, [this](std::uint32_t) {
    if (parts_.observers.reread()) worker_.observe(parts_.observers.current());
  });
  prepare();
  tick();
  sweep();
  loop_.run();
  if (failure_) std::rethrow_exception(failure_);
  natsConnection_FlushTimeout(link_.get(), 2000);
}

void JetStreamSession::fail(std::exception_ptr why) {
  failure_ = why;
  loop_.quit();
}

void JetStreamSession::ask() {
  if (!ready_ || stopping_ || stale_ || last_try_.busy() || pull_.open()) return;
  if (const int room = worker_.room(); room >= worker_.share()) pull_.ask(room);
}

void JetStreamSession::tick() {
  look();
  ask();
  report();
  loop_.after(1s, [this] { tick(); });
}

// Beyond ack_wait without a word the server gives everything to others: also what it has sent us and we have not read.
void JetStreamSession::turned() {
  parts_.reporter.turn();
  if (Clock::now() - last_sweep_ <= ack_wait_) return;
  last_sweep_ = Clock::now();
  worker_.abandon_waiting();
  if (stopping_ || std::exchange(stale_, true)) return;
  pull_.end([this] {
    stale_ = false;
    ask();
  });
}

void JetStreamSession::sweep() {
  last_sweep_ = Clock::now();
  worker_.still_working();
  last_try_.still_working();
  loop_.after(ack_wait_ / 3, [this] { sweep(); });
}

void JetStreamSession::report() {
  const bool api_ok = connected_ && Clock::now() - api_ok_ < api_ok_for;
  tell_problems(problems_, letters_, parts_.observers.refused());
  parts_.reporter.update([&](StatusReport& to) {
    to.state = ready_ || stopping_ ? "running" : "starting";
    to.jetstream = api_ok ? Reach::ok : Reach::unreachable;
    to.problems = problems_;
    tell_work(to, worker_, *parts_.observers.current(), parts_.tally, nats_.consumer_name);
  });
}

void JetStreamSession::stop() {
  stopping_ = true;
  const auto by = Clock::now() + parts_.config.shutdown_timeout;
  log::info("stopping", {{"held", worker_.held()}, {"within_ms", parts_.config.shutdown_timeout.count()}});
  pull_.end([this] {
    drained_ = true;
    end_if_done();
  });
  last_try_.stop();
  worker_.stop(by);
  loop_.at(by, [this] {
    cut_ = true;
    if (!worker_.empty()) log::warn("out of time, the rest is handed back", {{"messages", worker_.held()}});
    worker_.hand_back_all();
    end_if_done();
    loop_.after(hand_back_grace, [this] { loop_.quit(); });
  });
  end_if_done();
}

void JetStreamSession::end_if_done() {
  if (!stopping_ || !worker_.empty() || last_try_.busy()) return;
  if (drained_ || cut_) loop_.quit();
}

void run_session(const SessionParts& parts) {
  JetStreamSession session(parts);
  session.run();
}

}  // namespace fraiseql
