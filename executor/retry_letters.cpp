#include "executor/retry_letters.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <random>

#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/text.hpp"
#include "executor/actions/action.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/blocking.hpp"
#include "executor/http_client.hpp"
#include "executor/jetstream/broker.hpp"
#include "executor/language/template.hpp"
#include "executor/loop.hpp"
#include "executor/observers.hpp"
#include "executor/progress.hpp"
#include "executor/requests.hpp"
#include "executor/retry.hpp"
#include "executor/tally.hpp"

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

class Retry {
 public:
  Retry(const ExecutorConfig& config, const Observers& observers, const AddressPolicy& addresses, StopSignal& stop, bool dry_run)
      : observers_(observers),
        stop_(stop),
        dry_run_(dry_run),
        link_(config.nats, nats::Link::Reconnect::always, "fraiseql executor --retry"),
        requests_(loop_, link_.get()),
        broker_(link_, config.nats),
        http_(loop_, addresses, 4),
        blocking_(1),
        letters_(link_, config.nats) {
    // Noticed while an action runs, so that a second signal ends the process.
    loop_.watch(stop_.fd(), EPOLLIN, [this](std::uint32_t) {
      if (stop_.requested()) loop_.unwatch(stop_.fd());
    });
  }

  const nats::DeadLetterStream& letters() const { return letters_; }

  Retried retry(const nats::StoredLetter& letter) {
    const std::string_view reason = letter.header("Fraiseql-Dlq-Reason");
    if (reason == "undecodable") return no("undecodable: what is no event stays none; remove it when it has been looked at");
    if (reason == "unpublishable")
      return no("unpublishable: the bridge retries it: pg2nats-bridge --retry, or fraiseql dlq retry");
    if (reason != "action_failed" && reason != "max_deliveries")
      return no("its reason is " + (reason.empty() ? std::string("missing") : std::string(reason)) +
                ", which this version does not know");
    auto original = original_of(letter);
    if (!original && !letter.header("Fraiseql-Dlq-Omitted-Bytes").empty()) original = from_stream(letter);
    if (!original) return no(original.error().what);
    const StoredMessage& message = original.value();
    const auto view = view_event(message.payload, message.subject);
    if (!view) return no("the letter holds no event: " + view.error().what);
    const std::string id = event_id(message);
    const Event event{message, view.value(), id};
    return reason == "action_failed" ? one_action(letter, event) : open_actions(event);
  }

 private:
  static Retried no(std::string why) { return {Retried::How::failed, std::move(why)}; }

  // A letter whose event was too large to fit beside our headers names the place where it stood.
  Result<StoredMessage> from_stream(const nats::StoredLetter& letter) {
    const std::uint64_t seq = number(letter.header("Fraiseql-Dlq-Stream-Seq"));
    auto message = seq > 0 ? broker_.fetch(seq) : std::nullopt;
    if (!message || event_id(*message) != id_of(letter))
      return Error{"the event was too large for the letter, and the stream does not hold it any more"};
    return std::move(*message);
  }

  Retried one_action(const nats::StoredLetter& letter, const Event& event) {
    const std::string name = letter.text("Fraiseql-Dlq-Observer");
    const std::uint64_t action = number(letter.header("Fraiseql-Dlq-Action"));
    const auto& all = observers_.all();
    const auto found = std::find_if(all.begin(), all.end(), [&](const ObserverConfig& one) { return one.name == name; });
    if (found == all.end()) return no("observer " + name + " does not exist any more");
    if (!found->enabled) return no("observer " + name + " is disabled");
    if (action < 1 || action > found->actions.size())
      return no("observer " + name + " has no action " + std::to_string(action) + " any more; it has " +
                std::to_string(found->actions.size()));
    const auto place = static_cast<std::size_t>(found - all.begin());
    const std::string what = words(place, action - 1);
    if (dry_run_) return {Retried::How::would_run, what + ": " + preview(place, action - 1, event)};
    if (const auto why = run(place, action - 1, event)) return no(what + ": " + *why);
    return {Retried::How::done, what};
  }

  Retried open_actions(const Event& event) {
    std::vector<Track> tracks;
    for (const std::size_t place : observers_.matching(event, unread_)) {
      tracks.push_back({place, {}});
      tracks.back().actions.resize(observers_.at(place).actions.size());
    }
    if (tracks.empty()) return no("no observer wants this event any more; remove the letter when that is right");
    const std::string key = progress_key(event.id);
    const auto known = broker_.bucket_get(key);
    if (known) apply_progress(known->payload, tracks, observers_);
    std::string done, failures;
    for (Track& track : tracks)
      for (std::size_t action = 0; action < track.actions.size(); ++action) {
        ActionState& state = track.actions[action];
        if (state.over()) continue;
        const std::string what = words(track.observer, action);
        const auto why = dry_run_            ? std::nullopt
                         : stop_.requested() ? std::optional<std::string>("stopped before it")
                                             : run(track.observer, action, event);
        if (why) {
          failures += (failures.empty() ? "" : "; ") + what + ": " + *why;
          continue;
        }
        state.phase = ActionState::Phase::done;
        done += (done.empty() ? "" : "; ") + what + (dry_run_ ? ": " + preview(track.observer, action, event) : "");
      }
    if (dry_run_) return {Retried::How::would_run, done.empty() ? "nothing: every action is known to be done" : done};
    try {
      // What has been done is not done again by the next retry of this letter.
      if (failures.empty()) {
        if (known) broker_.bucket_delete(key);
      } else if (const std::string json = encode_progress(tracks, observers_); !done.empty()) {
        broker_.bucket_put(key, json);
      }
    } catch (const Unavailable& e) {
      log::warn("the progress of an event was not kept", {{"event_id", event.id}, {"why", e.what()}});
    }
    if (!failures.empty()) return no(failures);
    return {Retried::How::done, done.empty() ? "every action was known to be done" : done};
  }

  std::string words(std::size_t observer, std::size_t action) const {
    return observers_.at(observer).name + ", action " + std::to_string(action + 1);
  }

  std::string preview(std::size_t observer, std::size_t action, const Event& event) const {
    return observers_.action(observer, action)
        .preview({event, observers_.at(observer).name, 1, std::chrono::system_clock::now(), action + 1});
  }

  // One whole retry policy. Why it failed, or nothing.
  std::optional<std::string> run(std::size_t observer, std::size_t action, const Event& event) try {
    const ObserverConfig& config = observers_.at(observer);
    for (unsigned attempt = 1;; ++attempt) {
      const Try one{event, config.name, attempt, std::chrono::system_clock::now(), action + 1, &unread_};
      std::optional<Outcome> outcome;
      const auto running =
          observers_.action(observer, action).start(one, {loop_, http_, blocking_, &requests_}, [&](Outcome came) {
            outcome = std::move(came);
            loop_.quit();
          });
      while (!outcome) loop_.run();
      if (outcome->succeeded()) return std::nullopt;
      const std::string why = outcome->why + " (" + std::to_string(attempt) + (attempt == 1 ? " try)" : " tries)");
      const auto pause = pause_after(config.retry, attempt, *outcome, jitter_(dice_));
      if (!pause) return why;
      if (stop_.wait_for(*pause)) return why + "; stopped before the next try";
    }
  } catch (const Unrenderable& e) {
    return e.what();
  }

  const Observers& observers_;
  StopSignal& stop_;
  const bool dry_run_;
  Loop loop_;
  nats::Link link_;
  Requests requests_;
  Broker broker_;
  HttpClient http_;
  Blocking blocking_;
  nats::DeadLetterStream letters_;
  Tally unread_;  // a retry reports to nobody
  std::minstd_rand dice_{std::random_device{}()};
  std::uniform_real_distribution<double> jitter_;
};

}  // namespace

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

int retry_dead_letters(const ExecutorConfig& config, const Observers& observers, const AddressPolicy& addresses,
                       const RetryRequest& request, StopSignal& stop) {
  if (config.transport != Transport::nats) throw ConfigError("--retry: with another transport than nats: not supported yet");
  Retry retry(config, observers, addresses, stop, request.dry_run);
  return retry_letters(retry.letters(), request, stop, std::cin, std::cout,
                       [&](const nats::StoredLetter& letter) { return retry.retry(letter); });
}

}  // namespace fraiseql
