#include "executor/jetstream/last_try.hpp"

#include <rapidjson/document.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/nats/streams.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/background.hpp"
#include "executor/jetstream/acks.hpp"
#include "executor/jetstream/broker.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

namespace {

constexpr int deaths_that_condemn = 2;
constexpr auto patience = 1s;  // for the next one of many

std::string marker_key(std::uint64_t seq) { return "m." + std::to_string(seq); }
std::string settled_key(std::uint64_t seq) { return "d." + std::to_string(seq); }

// What the bucket and the stream say of the message.
struct Verdict {
  std::optional<StoredMessage> message;  // none: it has left the stream
  bool settled = false;
  int deaths = 0;
  std::string trouble;  // JetStream did not answer
};

// Counts the try before it begins: whoever dies of it leaves the mark.
Verdict judge(Broker& broker, std::uint64_t seq) try {
  Verdict verdict;
  verdict.message = broker.fetch(seq);
  if (!verdict.message) return verdict;
  const std::string event = event_id(*verdict.message);
  // A mark of another event is of a stream that was made anew since.
  const auto settled = broker.bucket_get(settled_key(seq));
  verdict.settled = settled && settled->payload == event;
  if (verdict.settled) return verdict;
  if (const auto mark = broker.bucket_get(marker_key(seq))) {
    const auto space = mark->payload.find(' ');
    if (space != std::string::npos && mark->payload.substr(space + 1) == event) verdict.deaths = std::atoi(mark->payload.c_str());
  }
  if (verdict.deaths < deaths_that_condemn) broker.bucket_put(marker_key(seq), std::to_string(verdict.deaths + 1) + " " + event);
  return verdict;
} catch (const Unavailable& e) {
  Verdict verdict;
  verdict.trouble = e.what();
  return verdict;
}

}  // namespace

LastTry::LastTry(const Tools& tools, Calls calls)
    : tools_(tools),
      calls_(std::move(calls)),
      pull_(tools.loop, tools.connection, Broker::advisories_stream(tools.config), tools.config.consumer_name,
            {[this](const nats::Message& message) { advised(message); },
             [this] {
               if (ready_ && !stopping_ && seq_ == 0) pull_.ask(1);
             },
             [this](const std::string& why) {
               ready_ = false;
               linger_no_more();
               calls_.trouble("advisories: " + why);
             }}) {}

void LastTry::ready() {
  ready_ = true;
  if (!stopping_ && seq_ == 0) pull_.ask(1);
}

void LastTry::lost() {
  ready_ = false;
  pull_.lost();
  linger_no_more();
}

void LastTry::stop() {
  stopping_ = true;
  pull_.lost();
  linger_no_more();
  // One that has begun is over when the worker has settled it or handed it back.
  if (seq_ != 0 && !begun_) {
    tools_.acks.hand_back(reply_);
    forget();
  }
}

void LastTry::still_working() {
  if (seq_ != 0) tools_.acks.working(reply_);
}

void LastTry::advised(const nats::Message& message) {
  const char* reply = natsMsg_GetReply(message.get());
  if (!reply) return;
  rapidjson::Document advisory;
  const auto text = nats::data(message.get());
  advisory.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  const auto number = [&](const char* name) -> std::uint64_t {
    return advisory.IsObject() && advisory.HasMember(name) && advisory[name].IsUint64() ? advisory[name].GetUint64() : 0;
  };
  if (advisory.HasParseError() || number("stream_seq") == 0) return tools_.acks.terminate(reply);
  if (stopping_ || seq_ != 0) return tools_.acks.hand_back(reply);
  const auto delivery = parse_ack_subject(reply);
  more_ = delivery && delivery->pending > 0;
  const bool alone = std::exchange(lingering_, false);
  tools_.loop.cancel(patience_);
  reply_ = reply;
  seq_ = number("stream_seq");
  deliveries_ = number("deliveries");
  drained_ = alone;
  begun_ = false;
  log::warn("a message has used up its deliveries; it is tried once more, alone",
            {{"stream_seq", seq_}, {"deliveries", deliveries_}});
  if (drained_) return begin_when_alone();
  calls_.stop_pulling([this, seq = seq_] {
    if (seq_ != seq) return;
    drained_ = true;
    begin_when_alone();
  });
}

void LastTry::worker_changed() {
  if (seq_ != 0) begin_when_alone();
}

void LastTry::begin_when_alone() {
  if (!drained_ || begun_ || stopping_ || !tools_.worker.empty()) return;
  begun_ = true;
  tools_.background.run([this, seq = seq_] {
    auto verdict = std::make_shared<Verdict>(judge(tools_.broker, seq));
    tools_.loop.post([this, verdict] { judged(verdict); });
  });
}

void LastTry::judged(std::shared_ptr<void> opaque) {
  auto& verdict = *static_cast<Verdict*>(opaque.get());
  if (!verdict.trouble.empty()) {
    log::warn("the last try of a message waits", {{"stream_seq", seq_}, {"why", verdict.trouble}});
    tools_.acks.hand_back(reply_);
    return forget();
  }
  if (!verdict.message || verdict.settled) return finish(true);
  event_ = event_id(*verdict.message);
  if (tools_.worker.has_settled(seq_, event_)) return finish(true);
  if (verdict.deaths >= deaths_that_condemn) {
    const std::string why = std::to_string(verdict.deaths) + " executors ended while they held nothing but this message";
    return tools_.worker.condemn(*verdict.message, deliveries_, why, [this] { finish(true); });
  }
  tools_.worker.take_alone(std::move(*verdict.message), [this](Worker::Alone how) { finish(how == Worker::Alone::settled); });
}

void LastTry::finish(bool settled) {
  if (settled) {
    // Else old servers tell of it again after every restart.
    tools_.acks.done(made_up_ack(tools_.config.stream_name, tools_.config.consumer_name, deliveries_, seq_));
    tools_.acks.done(reply_);
  } else {
    tools_.acks.hand_back(reply_);
  }
  tools_.background.run([&broker = tools_.broker, seq = seq_, event = event_, settled] {
    try {
      if (settled && !event.empty()) broker.bucket_put(settled_key(seq), event);
      broker.bucket_delete(marker_key(seq));
    } catch (const Unavailable& e) {
      log::warn("the mark of a last try stays", {{"stream_seq", seq}, {"why", e.what()}});
    }
  });
  forget();
}

void LastTry::forget() {
  reply_.clear();
  event_.clear();
  seq_ = 0;
  begun_ = false;
  if (ready_ && !stopping_) pull_.ask(1);
  if (more_ && drained_ && ready_ && !stopping_) return linger();
  drained_ = false;
  calls_.over();
}

// Whoever dies with a hundred messages in hand leaves a hundred last tries. To take up ordinary work between any two, and to
// wait until that is done, would cost a second for each.
void LastTry::linger() {
  lingering_ = true;
  patience_ = tools_.loop.after(patience, [this] { linger_no_more(); });
}

void LastTry::linger_no_more() {
  tools_.loop.cancel(patience_);
  if (!std::exchange(lingering_, false)) return;
  drained_ = false;
  calls_.over();
}

}  // namespace fraiseql
