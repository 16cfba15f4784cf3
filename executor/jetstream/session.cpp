#include "executor/jetstream/session.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <map>

#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/nats/link.hpp"
#include "common/reporter.hpp"
#include "common/status_names.hpp"
#include "common/stop.hpp"
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
#include "executor/observer_file.hpp"
#include "executor/requests.hpp"
#include "executor/tally.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int most_threads = 32;      // for each of mail, database, cache
constexpr auto api_ok_for = 4s;       // without a round trip JetStream counts as unreachable
constexpr auto hand_back_grace = 3s;  // to write progress at the end of a stop
constexpr auto floor_every = 5s;      // into the bucket: what a new executor may have to do again when the server forgets

class Session {
 public:
  explicit Session(const SessionParts& parts);
  ~Session() {
    parts_.reporter.update([](StatusReport& report) { report.problems.clear(); });
  }
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
  Clock::time_point api_ok_{}, last_sweep_ = Clock::now();
  Clock::time_point floor_saved_{};
  bool said_missing_ = false, said_empty_ = false;
  std::map<std::string, std::string> problems_;
  Loop::Timer again_;
  std::exception_ptr failure_;
};

Session::Session(const SessionParts& parts)
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

template <class Work, class Then>
void Session::off_loop(Work work, Then then, std::function<void(const std::string&)> lost) {
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

void Session::run() {
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

void Session::fail(std::exception_ptr why) {
  failure_ = why;
  loop_.quit();
}

// Called on the loop after whatever cnats had to say.
void Session::connection_changed() {
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

void Session::prepare() {
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

void Session::prepared(std::optional<ConsumerState> consumer) {
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
void Session::consumer_is(const ConsumerState& consumer) {
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

void Session::not_prepared(const std::string& why) {
  std::string& known = problems_[std::string(problem::jetstream_unreachable)];
  if (std::exchange(known, why) != why) log::warn("JetStream is not ready", {{"why", why}});
  prepare_again();
}

void Session::prepare_again() {
  loop_.cancel(again_);
  again_ = loop_.after(1s, [this] {
    if (connected_ && !ready_) prepare();
  });
}

void Session::consumer_gone(const std::string& why, bool deleted) {
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

void Session::ensure_own() {
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

void Session::ask() {
  if (!ready_ || stopping_ || stale_ || last_try_.busy() || pull_.open()) return;
  if (const int room = worker_.room(); room >= worker_.share()) pull_.ask(room);
}

void Session::tick() {
  look();
  ask();
  report();
  loop_.after(1s, [this] { tick(); });
}

void Session::look() {
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

// Beyond ack_wait without a word the server gives everything to others: also what it has sent us and we have not read.
void Session::turned() {
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

void Session::sweep() {
  last_sweep_ = Clock::now();
  worker_.still_working();
  last_try_.still_working();
  loop_.after(ack_wait_ / 3, [this] { sweep(); });
}

void Session::report() {
  const bool api_ok = connected_ && Clock::now() - api_ok_ < api_ok_for;
  const std::string unwritable(problem::dlq_unwritable);
  if (letters_.failing())
    problems_[unwritable] =
        "a dead letter cannot be written (" + letters_.why() + "); nothing new is taken until it can: fraiseql check";
  else
    problems_.erase(unwritable);
  const std::string not_reread(problem::observers_refused);
  if (parts_.observers.refused().empty())
    problems_.erase(not_reread);
  else
    problems_[not_reread] = "the observers on disk have a mistake, those from before go on (mend it, then SIGHUP again): " +
                            parts_.observers.refused();
  long longest = 0;
  for (const auto& observer : parts_.observers.current()->all())
    for (const auto& action : observer.actions) longest = std::max(longest, static_cast<long>(action.timeout.count()));
  parts_.reporter.update([&](StatusReport& to) {
    to.state = ready_ || stopping_ ? "running" : "starting";
    to.jetstream = api_ok ? Reach::ok : Reach::unreachable;
    to.problems = problems_;
    to.details["held"] = std::to_string(worker_.held());
    to.details["running_actions"] = std::to_string(worker_.running());
    to.details["consumer"] = nats_.consumer_name;
    to.details[std::string(detail_key::longest_timeout_ms)] = std::to_string(longest);
    parts_.tally.tell(to.details);
    to.metrics = parts_.tally.metrics();
  });
}

void Session::stop() {
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

void Session::end_if_done() {
  if (!stopping_ || !worker_.empty() || last_try_.busy()) return;
  if (drained_ || cut_) loop_.quit();
}

}  // namespace

void run_session(const SessionParts& parts) {
  Session session(parts);
  session.run();
}

}  // namespace fraiseql
