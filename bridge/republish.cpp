#include "bridge/republish.hpp"

#include <poll.h>

#include <charconv>
#include <chrono>
#include <iostream>
#include <optional>

#include "common/change_log.hpp"
#include "common/errors.hpp"
#include "common/event.hpp"
#include "common/nats/publisher.hpp"
#include "common/nats/scan.hpp"
#include "common/nats/server_time.hpp"
#include "common/nats/stored_message.hpp"
#include "common/nats/streams.hpp"
#include "common/nats/wire.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto answer_limit = 5s;
constexpr auto fresh_for = 4s;  // peers that hear nothing for longer end the connection

class Republish {
 public:
  Republish(const BridgeConfig& config, bool dry_run)
      : config_(config),
        dry_run_(dry_run),
        link_(config.nats, nats::Link::Reconnect::always, "pg2nats-bridge --retry"),
        letters_(link_, config.nats),
        encoder_(config.nats.subject_prefix, config.nats.dlq_subject_prefix, config.transport_name) {}

  const nats::DeadLetterStream& letters() const { return letters_; }

  Retried retry(const nats::StoredLetter& letter) {
    if (letter.header("Fraiseql-Dlq-Reason") != "unpublishable") return no("not unpublishable: the executor retries it: executor --retry");
    if (letter.text("Fraiseql-Source") != config_.transport_name)
      return no("it is of transport " + letter.text("Fraiseql-Source") + ", this one is " + config_.transport_name);
    std::int64_t pk = 0;
    const std::string_view text = letter.header("Fraiseql-Pk");
    if (std::from_chars(text.data(), text.data() + text.size(), pk).ec != std::errc{}) return no("it names no row");
    connect();
    const Page page = change_log_->row_of(pk, limits_.max_payload);
    if (page.rows.empty()) return no("the change log holds no row " + std::to_string(pk) + " any more");
    const ChangeRow& row = page.rows.front();
    const std::string id = letter.text("Fraiseql-Event-Id");
    const bool copied = letter.header("Fraiseql-Dlq-Error").starts_with("duplicate_id");
    if (copied && row.id == id) return no("row " + std::to_string(pk) + " has the id of another change: give it one of its own");
    if (!copied && row.id != id) return no("row " + std::to_string(pk) + " is another one than the letter's: it has id " + std::string(row.id));

    std::string frame;
    const std::string reply = publisher_->reply_prefix() + std::to_string(++number_);
    if (const auto why = encoder_.append(frame, row, reply, std::nullopt, limits_)) return no("still unpublishable: " + why->what);
    const std::string what = "row " + std::to_string(pk) + " as " + std::string(row.id);
    if (dry_run_) return {Retried::How::would_run, "publish " + what};
    if (const std::uint64_t seq = published_before(row, letter))
      return {Retried::How::done, what + " stood in the stream already, at " + std::to_string(seq)};
    return publish(frame, row, what);
  }

 private:
  static Retried no(std::string why) { return {Retried::How::failed, std::move(why)}; }

  void connect() {
    const auto now = Clock::now();
    if (change_log_ && publisher_ && now - used_ < fresh_for) {
      used_ = now;
      return;
    }
    change_log_.reset();
    publisher_.reset();
    const auto stream = nats::stream_info(link_, config_.nats.stream_name);
    if (!stream) throw Unavailable("there is no stream " + config_.nats.stream_name);
    change_log_.emplace(config_.database_url, config_.transport_name, config_.start_from_now);
    publisher_.emplace(config_.nats, "pg2nats-bridge --retry");
    limits_.max_payload = static_cast<std::size_t>(publisher_->max_payload());
    limits_.max_msg_size = stream->max_msg_size;
    duplicate_window_ns_ = stream->duplicate_window_ns;
    used_ = Clock::now();
  }

  // A retry that was killed between publishing and removing its letter. While the letter is younger than the duplicate
  // window the server itself knows the id.
  std::uint64_t published_before(const ChangeRow& row, const nats::StoredLetter& letter) {
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (now - letter.stored_at_ns < duplicate_window_ns_ / 2) return 0;
    const std::string subject = config_.nats.subject_prefix + "." + entity_token(row.entity).value_or("_") + "." +
                                std::string(to_string(parse_operation(row.verb)));
    std::uint64_t found = 0;
    nats::scan(link_, config_.nats.stream_name, {subject, 0, nats::rfc3339(letter.stored_at_ns)}, [&](const nats::Scanned& message) {
      if (header(message, "Nats-Msg-Id") == row.id && header(message, "Fraiseql-Pk") == std::to_string(row.pk)) found = message.seq;
      return found == 0;
    });
    return found;
  }

  static std::string_view header(const nats::Scanned& message, const char* name) {
    const char* value = nullptr;
    return natsMsgHeader_Get(message.raw, name, &value) == NATS_OK && value ? std::string_view(value) : std::string_view();
  }

  Retried publish(const std::string& frame, const ChangeRow& row, const std::string& what) {
    publisher_->buffer() += frame;
    publisher_->appended();
    const auto deadline = Clock::now() + answer_limit;
    nats::Publisher::Answer answer{};
    while (true) {
      publisher_->flush();
      if (publisher_->next(answer)) {
        if (answer.reply == number_) break;
        continue;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      // What is stored all the same is found by the next retry.
      if (left <= 0ms) throw Unavailable("no answer to the publish of " + what + " within 5 s");
      publisher_->tick(Clock::now());
      pollfd waiting{publisher_->fd(), static_cast<short>(POLLIN | (publisher_->blocked() ? POLLOUT : 0)), 0};
      poll(&waiting, 1, static_cast<int>(std::min<std::chrono::milliseconds>(left, 1s).count()));
    }
    if (answer.no_stream) throw Unavailable("no stream takes " + config_.nats.subject_prefix + ".>");
    const auto read = nats::wire::parse_pub_ack(answer.payload);
    if (!read) throw Unavailable(read.error().what);
    const nats::wire::PubAck& ack = read.value();
    if (ack.code != 0) return no("the stream refused it: " + ack.description + " (" + std::to_string(ack.err_code) + ")");
    if (ack.stream != config_.nats.stream_name) return no("stream " + std::string(ack.stream) + " took it: another stream owns the subjects now");
    const std::uint64_t seq = ack.seq;
    if (ack.duplicate) {
      const auto block = seq > 0 ? nats::stored_headers(link_, config_.nats.stream_name, seq) : std::nullopt;
      if (!block) return no("its message id is blocked although the stream holds no such message; retry when the duplicate window has passed");
      if (nats::header_value(*block, "Fraiseql-Pk") != std::to_string(row.pk)) return no("message " + std::to_string(seq) + " of the stream has its id and is another change");
    }
    return {Retried::How::done, what + ", at " + std::to_string(seq) + " of the stream"};
  }

  const BridgeConfig& config_;
  const bool dry_run_;
  nats::Link link_;
  nats::DeadLetterStream letters_;
  EventEncoder encoder_;
  MessageLimits limits_;
  std::int64_t duplicate_window_ns_ = 0;
  std::optional<ChangeLog> change_log_;
  std::optional<nats::Publisher> publisher_;
  Clock::time_point used_{};
  std::uint64_t number_ = 0;
};

}  // namespace

int republish_letters(const BridgeConfig& config, const RetryRequest& request, StopSignal& stop) {
  Republish republish(config, request.dry_run);
  return retry_letters(republish.letters(), request, stop, std::cin, std::cout,
                       [&](const nats::StoredLetter& letter) { return republish.retry(letter); });
}

}  // namespace fraiseql
