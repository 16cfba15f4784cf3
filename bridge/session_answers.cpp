// What a bridge session makes of the broker's answers.
#include <rapidjson/document.h>

#include <algorithm>

#include "bridge/session.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/nats/stored_message.hpp"
#include "common/status_names.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

namespace {

constexpr int wrong_last_sequence = 10071;
constexpr int message_too_large = 10054;
constexpr int headers_too_large = 10097;
constexpr int maximum_messages = 10077;
constexpr auto ack_limit = 5s;
constexpr auto report_every = 1s;
constexpr auto told_for = 5min;  // that the broker has lost something, as a new dead letter is
// Numbers of answers that belong to no row.
constexpr std::uint64_t consumer_info = 0;

// num_pending and num_ack_pending of CONSUMER.INFO's answer; nullopt: there is no such consumer.
std::optional<double> backlog_of(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  double sum = 0;
  for (const char* name : {"num_pending", "num_ack_pending"}) {
    const auto member = document.FindMember(name);
    if (member == document.MemberEnd() || !member->value.IsUint64()) return std::nullopt;
    sum += static_cast<double>(member->value.GetUint64());
  }
  return sum;
}

}  // namespace

void BridgeSession::take_answers() {
  nats::Publisher::Answer answer{};
  while (publisher_->next(answer)) take_answer(answer);
  // Rows that waited for an earlier change of their entity.
  for (std::size_t i = 0; i < released_.size(); ++i) send(released_[i], true);
  released_.clear();
}

void BridgeSession::take_answer(const nats::Publisher::Answer& answer) {
  if (answer.reply == consumer_info) {
    if (answer.no_stream) return;
    jetstream_at_ = Window::Time::clock::now();
    const auto backlog = backlog_of(answer.payload);
    reporter_.update([&](StatusReport& report) {
      if (backlog) report.metrics.set(metric::backlog_size, *backlog);
    });
    return;
  }
  Window::Item* item = window_->item(answer.reply);
  if (!item || item->state != Window::Item::State::sent) return;
  if (answer.no_stream) {
    ++stats_.errors["no_stream"];
    throw Refused(problem::no_stream, item->letter ? "no stream takes dead letters under " + config_.nats.dlq_subject_prefix
                                   : "no stream takes " + config_.nats.subject_prefix + ".>: JetStream is off or the stream is gone");
  }
  const auto read = nats::wire::parse_pub_ack(answer.payload);
  if (!read) throw Unavailable(read.error().what);
  const nats::wire::PubAck& ack = read.value();
  if (ack.code != 0) return refused(answer.reply, *item, ack);
  const std::string& stream = config_.nats.stream_name;
  const bool ours = item->letter ? ack.stream == stream + "_dlq" : ack.stream == stream;
  if (!ours) {
    ++stats_.errors["no_stream"];
    throw Refused(problem::no_stream, "stream " + std::string(ack.stream) + " has taken a message meant for " + stream + (item->letter ? "_dlq" : "") +
                      ": another stream owns the subjects now");
  }
  jetstream_at_ = Window::Time::clock::now();
  if (ack.duplicate && !item->letter) return duplicate(answer.reply, *item, ack.seq);
  if (way_ == Way::chain && !item->letter && ack.seq != item->seq)
    throw Unavailable("the stream stored a message at " + std::to_string(ack.seq) + " that belongs at " + std::to_string(item->seq));
  window_->stored(answer.reply, ack.seq, released_);
}

void BridgeSession::refused(std::uint64_t number, const Window::Item& item, const nats::wire::PubAck& ack) {
  const std::string text = ack.description + " (" + std::to_string(ack.err_code) + ")";
  if (item.letter && ack.err_code == maximum_messages) {
    ++stats_.letters_dropped;
    log::error("dead letter stream is full: letter dropped", {{"pk", item.change().pk}, {"stream", config_.nats.stream_name + "_dlq"}});
    window_->stored(number, 0, released_);
    return;
  }
  if (!item.letter && (ack.err_code == message_too_large || ack.err_code == headers_too_large)) {
    // The limits were known when it was encoded, so they have changed since: the next session reads them again.
    memory_.condemned.emplace(item.change().pk, Unpublishable{Unpublishable::Reason::oversize, text, item.bytes});
    throw SessionOver("change " + std::to_string(item.change().pk) + " refused: " + text);
  }
  if (ack.err_code == wrong_last_sequence) {
    ++stats_.errors["chain"];
    if (memory_.chain_broke(Window::Time::clock::now()))
      log::warn("others publish into the stream: every message asks for its own answer from now on", {{"stream", config_.nats.stream_name}});
    throw SessionOver("the chain broke at change " + std::to_string(item.change().pk) + ": " + text);
  }
  ++stats_.errors["refused"];
  throw Refused(problem::publish_refused, "the stream refused a message: " + text);
}

void BridgeSession::duplicate(std::uint64_t number, const Window::Item& item, std::uint64_t seq) {
  ++stats_.duplicates;
  const ChangeRow& row = item.change();
  const auto block = seq > 0 ? nats::stored_headers(*link_, config_.nats.stream_name, seq) : std::nullopt;
  if (!block) {
    ++stats_.errors["refused"];
    // Purged inside the duplicate window: the id is blocked although the message is gone. Wait; never call it published.
    throw Refused(problem::settling, "change " + std::to_string(row.pk) + ": its message id is blocked although the stream holds no such message; waiting for the duplicate window to pass");
  }
  const bool ours = nats::header_value(*block, "Fraiseql-Pk") == std::to_string(row.pk) && nats::header_value(*block, "Fraiseql-Source") == config_.transport_name;
  if (!ours) {
    memory_.condemned.emplace(row.pk, Unpublishable{Unpublishable::Reason::duplicate_id,
                                                    "duplicate_id: message " + std::to_string(seq) + " of the stream has the same id and is change " +
                                                        std::string(nats::header_value(*block, "Fraiseql-Pk")), item.bytes});
    throw SessionOver("change " + std::to_string(row.pk) + " has the id of another one");
  }
  if (way_ == Way::single) {
    window_->stored(number, seq, released_);
    return;
  }
  // Not stored again, so everything behind it is refused: the next session skips it.
  memory_.known_stored.emplace(row.pk, seq);
  memory_.ask_all = true;
  throw SessionOver("change " + std::to_string(row.pk) + " is in the stream already");
}

void BridgeSession::check_deadlines(Window::Time now) {
  const auto oldest = window_->oldest_asked();
  if (!oldest || now - *oldest < ack_limit) return;
  ++stats_.errors["timeout"];
  throw Unavailable("no answer to a publish within 5 s");
}

void BridgeSession::vouch_by_stream_info(Window::Time now) {
  // The row behind the last one sent was skipped or became a letter, so that none asks for the answer: the stream itself tells.
  if (way_ != Way::chain || !window_->unvouched() || window_->oldest_asked() || now - sent_at_ < 20ms) return;
  if (now - asked_info_at_ < 20ms) return;
  asked_info_at_ = now;
  const auto info = nats::stream_info(*link_, config_.nats.stream_name);
  if (!info) throw Unavailable("the stream is gone");
  if (info->last_seq >= next_seq_) {
    // A stream that is long enough may hold somebody else's message there.
    const Window::Item* newest = window_->item(window_->newest_sent());
    const auto block = nats::stored_headers(*link_, config_.nats.stream_name, next_seq_);
    if (!newest || !block || nats::header_value(*block, "Nats-Msg-Id") != newest->change().id) {
      memory_.ask_all = true;
      throw SessionOver("message " + std::to_string(next_seq_) + " of the stream is not the one sent last: others publish into it");
    }
    window_->all_sent_stored();
    return;
  }
  if (now - sent_at_ > ack_limit) throw SessionOver("the stream does not hold what was sent");
}

void BridgeSession::report(Window::Time now) {
  if (now - reported_at_ < report_every) return;
  reported_at_ = now;
  publisher_->publish("$JS.API.CONSUMER.INFO." + config_.nats.stream_name + "." + config_.nats.consumer_name, &consumer_info, "NATS/1.0\r\n\r\n", {});
  publisher_->flush();
  const Waiting waiting = reader_->waiting();
  const std::size_t in_flight = window_->size();
  const bool answered = now - jetstream_at_ < config_.health.stale_after;
  reporter_.update([&](StatusReport& report) {
    report.state = "running";
    report.postgres = Reach::ok;
    report.jetstream = answered ? Reach::ok : Reach::unreachable;
    report.problems.clear();
    if (!stream_.drift.empty()) report.problems[std::string(problem::drift)] = stream_.drift.front();
    if (memory_.others_publish && config_.chain == Chain::on)
      report.problems[std::string(problem::chain_off)] = "others publish into stream " + config_.nats.stream_name + ": the ordering chain is off, every message is answered";
    if (!memory_.went_back.empty() && now - memory_.went_back_at < told_for) report.problems[std::string(problem::broker_regression)] = memory_.went_back;
    report.details[std::string(detail_key::position_pk)] = std::to_string(saved_.cursor);
    report.details["stream_seq"] = std::to_string(saved_.stream_seq);
    report.details["way"] = way_ == Way::chain ? "chain" : "single";
    report.details["epoch"] = std::to_string(checkpoint_.epoch);
    stats_.write(report.metrics);
    report.metrics.set(metric::lag_events, static_cast<double>(waiting.events));
    report.metrics.set(metric::lag_seconds, waiting.seconds);
    report.metrics.set(metric::in_flight, static_cast<double>(in_flight));
    report.metrics.set(metric::leader, 1);
  });
}

}  // namespace fraiseql
