#include "executor/jetstream/stream_retries.hpp"

#include <algorithm>
#include <charconv>

#include "common/letter_retry.hpp"
#include "common/text.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/event_view.hpp"
#include "executor/progress.hpp"

namespace fraiseql {
namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Headers of ours and of JetStream, which would obey them, are not the original's.
bool foreign(std::string_view name) {
  const std::string small = lower_case(name);
  return small.starts_with("nats-") || small.starts_with("fraiseql-dlq-") || small == "fraiseql-event-id";
}

// The original's id: of a message that had none, the name that it was given, which the letter's own id holds.
std::string id_of(const nats::StoredLetter& letter) {
  if (std::string id = letter.text("Fraiseql-Event-Id"); !id.empty()) return id;
  std::string own = letter.text("Nats-Msg-Id");
  own.resize(std::min(own.size(), own.find(":after-")));  // it stands for an earlier letter, removed since
  std::string whom = letter.text("Fraiseql-Dlq-Observer");
  if (whom.empty()) whom = letter.header("Fraiseql-Dlq-Reason");
  const std::string_view action = letter.header("Fraiseql-Dlq-Action");
  const std::string end = ":" + whom + ":" + (action.empty() ? "0" : std::string(action));
  if (!own.starts_with("dlq:") || !own.ends_with(end) || own.size() <= 4 + end.size()) return {};
  return own.substr(4, own.size() - 4 - end.size());
}

}  // namespace

StreamRetries::StreamRetries(Loop& loop, const ExecutorConfig& config)
    : link_(config.nats, nats::Link::Reconnect::always, "fraiseql executor --retry"),
      requests_(loop, link_.get()),
      broker_(link_, config.nats),
      letters_(link_, config.nats) {}

Result<RetryLetter> StreamRetries::take(std::uint64_t wanted, bool) {
  const auto letter = letters_.get(wanted);
  if (!letter) return Error{no_such_letter().what};
  const std::string_view reason = letter->header("Fraiseql-Dlq-Reason");
  if (reason == "unpublishable") return Error{"unpublishable: the bridge retries it: pg2nats-bridge --retry, or fraiseql dlq retry"};
  if (const auto why = not_retried(reason)) return Error{*why};
  auto original = original_of(*letter);
  if (!original && !letter->header("Fraiseql-Dlq-Omitted-Bytes").empty()) original = from_stream(*letter);
  if (!original) return original.error();
  return RetryLetter{std::string(reason), letter->text("Fraiseql-Dlq-Observer"), number(letter->header("Fraiseql-Dlq-Action")),
                     std::move(original).value()};
}

void StreamRetries::remove(std::uint64_t wanted) { letters_.remove(wanted); }

// A letter whose event was too large to fit beside our headers names the place where it stood.
Result<StoredMessage> StreamRetries::from_stream(const nats::StoredLetter& letter) {
  const std::uint64_t seq = number(letter.header("Fraiseql-Dlq-Stream-Seq"));
  auto message = seq > 0 ? broker_.fetch(seq) : std::nullopt;
  if (!message || event_id(*message) != id_of(letter))
    return Error{"the event was too large for the letter, and the stream does not hold it any more"};
  return std::move(*message);
}

std::optional<std::string> StreamRetries::progress(const std::string& event_id) {
  auto known = broker_.bucket_get(progress_key(event_id));
  if (!known) return std::nullopt;
  return std::move(known->payload);
}

void StreamRetries::save_progress(const std::string& event_id, const std::string& json) { broker_.bucket_put(progress_key(event_id), json); }

void StreamRetries::forget_progress(const std::string& event_id) { broker_.bucket_delete(progress_key(event_id)); }

Result<StoredMessage> original_of(const nats::StoredLetter& letter) {
  if (!letter.header("Fraiseql-Dlq-Omitted-Bytes").empty()) return Error{"the letter does not hold the event: it was too large"};
  StoredMessage message;
  message.payload = letter.payload;
  const auto view = view_event(message.payload);
  if (!view) return Error{"the letter holds no event: " + view.error().what};
  message.subject = view.value().subject;
  const std::string id = id_of(letter);
  if (id.empty()) return Error{"the letter does not say which event it is of"};
  message.headers.emplace_back("Nats-Msg-Id", id);
  for (const auto& [name, value] : letter.headers)
    if (!foreign(name)) message.headers.emplace_back(name, value);
  message.stream_seq = number(letter.header("Fraiseql-Dlq-Stream-Seq"));
  return message;
}

}  // namespace fraiseql
