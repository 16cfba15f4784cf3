// How a session finds its consumer, finds it again, and notices that it is another one.
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/status_names.hpp"
#include "executor/jetstream/jetstream_session.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {
constexpr auto floor_every = 5s;  // into the bucket: what a new executor may have to do again when the server forgets
}

template <class Work, class Then>
void JetStreamSession::off_loop(Work work, Then then, std::function<void(const std::string&)> lost) {
  background_.run([this, work = std::move(work), then = std::move(then), lost = std::move(lost)] {
    try {
      auto result = work();
      loop_.post([then, result] { then(result); });
    } catch (const Unavailable& e) {
      loop_.post([lost, why = std::string(e.what())] { lost(why); });
    } catch (...) {
      loop_.post([this, why = std::current_exception()] { fail(why); });
    }
  });
}

// Called on the loop after whatever cnats had to say.
void JetStreamSession::connection_changed() {
  if (link_.closed()) {
    if (stopping_) return loop_.quit();
    return fail(std::make_exception_ptr(Unavailable("the connection to NATS is closed: " + link_.trouble())));
  }
  const std::string trouble = link_.trouble();
  if (trouble.find("ermissions") != std::string::npos) problems_[std::string(problem::not_permitted)] = "NATS: " + trouble;
  const bool now = link_.connected();
  if (now && connected_ && link_.reconnects() == reconnects_) return;
  const bool was = connected_;
  connected_ = now;
  if (was || link_.reconnects() != reconnects_) {
    // Pulls die with their connection, and what we hold may belong to a consumer that is gone meanwhile.
    acks_.hold();
    ready_ = false;
    pull_.lost();
    last_try_.lost();
  }
  if (!now) {
    log::warn("connection to NATS lost; actions in flight go on", {{"held", worker_.held()}});
    return;
  }
  reconnects_ = link_.reconnects();
  problems_.erase(std::string(problem::not_permitted));
  log::info("connected to NATS again", {{"server", link_.server()}});
  prepare();
}

void JetStreamSession::prepare() {
  if (preparing_) return;
  preparing_ = true;
  off_loop(
      [this, own = own_ready_] {
        auto consumer = broker_.ensure_consumer();
        std::vector<std::string> drift;
        if (!own) drift = broker_.ensure_own();
        return std::pair(consumer, drift);
      },
      [this](const auto& result) {
        preparing_ = false;
        own_ready_ = true;
        problems_.erase(std::string(problem::drift));
        for (const auto& difference : result.second) problems_[std::string(problem::drift)] = difference;
        prepared(result.first);
      },
      [this](const std::string& why) {
        preparing_ = false;
        not_prepared(why);
      });
}

void JetStreamSession::prepared(std::optional<ConsumerState> consumer) {
  api_ok_ = Clock::now();
  if (!consumer) {
    problems_[std::string(problem::no_stream)] =
        "stream " + nats_.stream_name + " does not exist; the bridge makes it: fraiseql run, or pg2nats-bridge";
    if (!std::exchange(said_missing_, true))
      log::warn("the stream is missing; waiting for it. With transport = nats a bridge has to run somewhere (run_bridge = true)",
                {{"stream", nats_.stream_name}});
    return prepare_again();
  }
  if (std::exchange(said_missing_, false)) log::info("the stream is there", {{"stream", nats_.stream_name}});
  if (consumer->stream_empty && !std::exchange(said_empty_, true))
    log::info("the stream is empty. With transport = nats a bridge has to run somewhere (run_bridge = true)",
              {{"stream", nats_.stream_name}});
  problems_.erase(std::string(problem::no_stream));
  problems_.erase(std::string(problem::jetstream_unreachable));
  if (!consumer->drift.empty()) problems_[std::string(problem::drift)] = consumer->drift.front();
  consumer_is(*consumer);
  if (!connected_) return;
  ready_ = true;
  acks_.release();
  last_try_.ready();
  ask();
}

// Also when nobody has told us: acks in hand of a consumer that is gone would settle other messages.
void JetStreamSession::consumer_is(const ConsumerState& consumer) {
  if (!consumer_created_.empty() && !same_consumer(consumer_created_, consumer.created)) {
    log::warn("the consumer is another one than before; acks in hand are dropped", {{"held", worker_.held()}});
    acks_.drop();
    worker_.drop_acks();
    pull_.lost();
    if (ready_) acks_.release();
  }
  consumer_created_ = consumer.created;
  settled_up_to_ = consumer.settled_up_to;
  if (consumer.ack_wait > 0ms) ack_wait_ = consumer.ack_wait;
}

void JetStreamSession::not_prepared(const std::string& why) {
  std::string& known = problems_[std::string(problem::jetstream_unreachable)];
  if (std::exchange(known, why) != why) log::warn("JetStream is not ready", {{"why", why}});
  prepare_again();
}

void JetStreamSession::prepare_again() {
  loop_.cancel(again_);
  again_ = loop_.after(1s, [this] {
    if (connected_ && !ready_) prepare();
  });
}

void JetStreamSession::consumer_gone(const std::string& why, bool deleted) {
  log::warn("the consumer does not answer", {{"why", why}, {"deleted", deleted}});
  ready_ = false;
  acks_.hold();
  pull_.lost();
  last_try_.lost();
  if (deleted) {
    acks_.drop();
    worker_.drop_acks();
    consumer_created_.clear();
    settled_up_to_ = 0;
  }
  if (connected_) prepare();
}

void JetStreamSession::ensure_own() {
  if (std::exchange(ensuring_, true)) return;
  off_loop([this] { return broker_.ensure_own(); },
           [this](const std::vector<std::string>&) {
             own_ready_ = true;
             // Not at once: a server that keeps refusing must not make a loop of us.
             loop_.after(1s, [this] { ensuring_ = false; });
             if (ready_) last_try_.ready();
           },
           [this](const std::string& why) {
             log::warn("dead letter stream, bucket or advisories cannot be made", {{"why", why}});
             loop_.after(1s, [this] {
               ensuring_ = false;
               if (!own_ready_) ensure_own();
             });
           });
}

void JetStreamSession::look() {
  if (looking_ || !connected_ || !ready_ || stopping_) return;
  looking_ = true;
  // At the first look, too: executors that are killed early must not leave an old floor behind.
  const bool save = Clock::now() - floor_saved_ >= floor_every;
  off_loop(
      [this, save] {
        auto consumer = broker_.look();
        const std::uint64_t letters = broker_.dead_letters();
        if (consumer && save) broker_.save_floor();
        return std::pair(consumer, letters);
      },
      [this, save](const auto& result) {
        looking_ = false;
        api_ok_ = Clock::now();
        if (save && result.first) floor_saved_ = Clock::now();
        if (!ready_) return;
        parts_.tally.letters(result.second);
        if (!result.first) return consumer_gone("consumer or stream is missing", true);
        consumer_is(*result.first);
        parts_.tally.backlog(result.first->pending + result.first->ack_pending);
      },
      [this](const std::string& why) {
        looking_ = false;
        log::warn("JetStream does not answer", {{"why", why}});
      });
}

}  // namespace fraiseql
