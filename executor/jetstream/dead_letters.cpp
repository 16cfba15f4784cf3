#include "executor/jetstream/dead_letters.hpp"

#include "common/config.hpp"
#include "common/log.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

namespace {
constexpr int store_failed = 10077;
constexpr int message_not_found = 10037;
}

JetStreamDeadLetters::JetStreamDeadLetters(Loop& loop, Requests& requests, Tally& tally, const NatsConfig& config,
                                           std::int64_t max_payload, Calls calls)
    : loop_(loop), requests_(requests), tally_(tally), config_(config), max_payload_(max_payload), calls_(std::move(calls)) {}

void JetStreamDeadLetters::write(const StoredMessage& message, const Cause& cause, std::function<void()> stored) {
  const std::uint64_t number = next_++;
  Letter letter = make_letter(message, cause, config_.subject_prefix, config_.dlq_subject_prefix, max_payload_,
                              std::chrono::system_clock::now());
  waiting_.emplace(number, Waiting{std::move(letter), std::move(stored)});
  send(number);
}

void JetStreamDeadLetters::send(std::uint64_t number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  const Letter& letter = found->second.letter;
  requests_.send(letter.subject, letter.headers, letter.payload, 5s,
                 [this, number](const Requests::Reply& reply) { answered(number, reply); });
}

void JetStreamDeadLetters::answered(std::uint64_t number, const Requests::Reply& reply) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  const std::string id = found->second.letter.headers.front().second;
  if (reply.kind == Requests::Reply::Kind::timed_out) return again(number, "no answer within 5 s");
  if (reply.kind == Requests::Reply::Kind::no_responders) {
    if (calls_.missing) calls_.missing();
    return again(number, "there is no dead letter stream");
  }
  const Stored answer = parse_stored(reply.data);
  const bool full = answer.err_code == store_failed && answer.description.find("maximum messages") != std::string::npos;
  if (full) {
    tally_.overflow();
    log::error("dead letter dropped, the dead letter queue is full (observers.max_dlq_size)",
               {{"id", id}, {"subject", found->second.letter.subject}});
  } else if (answer.code != 0) {
    return again(number, answer.description);
  } else if (answer.seq == 0) {
    return again(number, "the server has the letter in hand already");
  } else if (answer.duplicate && !found->second.repeated) {
    return look_for_the_first(number, answer.seq);
  }
  stored(number);
}

// The letter of an earlier failure of the same action. The server knows its id for a day, also when it has been retried or
// removed since: then this failure would leave no trace.
void JetStreamDeadLetters::look_for_the_first(std::uint64_t number, std::uint64_t seq) {
  requests_.send("$JS.API.STREAM.MSG.GET." + config_.stream_name + "_dlq", {}, "{\"seq\":" + std::to_string(seq) + "}", 5s,
                 [this, number, seq](const Requests::Reply& reply) {
                   const auto found = waiting_.find(number);
                   if (found == waiting_.end()) return;
                   const Stored there = reply.kind == Requests::Reply::Kind::answer ? parse_stored(reply.data) : Stored{0, 503, 0, "no answer", false};
                   if (there.code == 0) return stored(number);
                   if (there.err_code != message_not_found) {
                     again(number, "the letter it repeats: " + there.description);
                     found->second.repeated = false;
                     return;
                   }
                   found->second.letter.headers.front().second += ":after-" + std::to_string(seq);
                   send(number);
                 });
}

void JetStreamDeadLetters::stored(std::uint64_t number) {
  const auto found = waiting_.find(number);
  Waiting done = std::move(found->second);
  waiting_.erase(found);
  if (done.overdue) --overdue_;
  done.stored();
  if (done.overdue && overdue_ == 0) {
    log::info("dead letters are written again");
    if (calls_.repaired) calls_.repaired();
  }
}

void JetStreamDeadLetters::again(std::uint64_t number, const std::string& why) {
  Waiting& waiting = waiting_.at(number);
  waiting.repeated = true;
  if (!waiting.overdue) {
    waiting.overdue = true;
    if (++overdue_ == 1) log::error("a dead letter cannot be written; nothing new is taken until it can", {{"why", why}});
  }
  why_ = why;
  loop_.after(1s, [this, number] { send(number); });
}

}  // namespace fraiseql
