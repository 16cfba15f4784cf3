#include "executor/retry_letters.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <random>

#include "common/errors.hpp"
#include "common/log.hpp"
#include "executor/actions/action.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/blocking.hpp"
#include "executor/http_client.hpp"
#include "executor/jetstream/stream_retries.hpp"
#include "executor/language/template.hpp"
#include "executor/loop.hpp"
#include "executor/observers.hpp"
#include "executor/postgres/table_retries.hpp"
#include "executor/progress.hpp"
#include "executor/retry.hpp"
#include "executor/tally.hpp"

namespace fraiseql {
namespace {

class Retry {
 public:
  Retry(Loop& loop, RetrySource& source, const Observers& observers, const AddressPolicy& addresses, StopSignal& stop, bool dry_run)
      : source_(source), observers_(observers), stop_(stop), dry_run_(dry_run), loop_(loop), http_(loop_, addresses, 4), blocking_(1) {
    // Noticed while an action runs, so that a second signal ends the process.
    loop_.watch(stop_.fd(), EPOLLIN, [this](std::uint32_t) {
      if (stop_.requested()) loop_.unwatch(stop_.fd());
    });
  }

  Retried retry(std::uint64_t number) {
    struct InHand {
      RetrySource& source;
      std::uint64_t number;
      ~InHand() { source.put_back(number); }
    };
    const auto letter = source_.take(number, dry_run_);
    if (!letter) return no(letter.error().what);
    const InHand in_hand{source_, number};
    Retried retried = act(letter.value());
    if (retried.how == Retried::How::done) remove_surely(number, [&] { source_.remove(number); });
    return retried;
  }

 private:
  static Retried no(std::string why) { return {Retried::How::failed, std::move(why)}; }

  Retried act(const RetryLetter& letter) {
    const StoredMessage& message = letter.original;
    const auto view = view_event(message.payload, message.subject);
    if (!view) return no("the letter holds no event: " + view.error().what);
    const std::string id = event_id(message);
    const Event event{message, view.value(), id};
    return letter.reason == "action_failed" ? one_action(letter, event) : open_actions(event);
  }

  Retried one_action(const RetryLetter& letter, const Event& event) {
    const std::string& name = letter.observer;
    const std::uint64_t action = letter.action;
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
    const auto known = source_.progress(event.id);
    if (known) apply_progress(*known, tracks, observers_);
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
        if (known) source_.forget_progress(event.id);
      } else if (const std::string json = encode_progress(tracks, observers_); !done.empty()) {
        source_.save_progress(event.id, json);
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
    const ActionTools tools{loop_, http_, blocking_, config.actions[action].type == "nats" ? source_.requests() : nullptr};
    for (unsigned attempt = 1;; ++attempt) {
      const Try one{event, config.name, attempt, std::chrono::system_clock::now(), action + 1, &unread_};
      std::optional<Outcome> outcome;
      const auto running =
          observers_.action(observer, action).start(one, tools, [&](Outcome came) {
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

  RetrySource& source_;
  const Observers& observers_;
  StopSignal& stop_;
  const bool dry_run_;
  Loop& loop_;
  HttpClient http_;
  Blocking blocking_;
  Tally unread_;  // a retry reports to nobody
  std::minstd_rand dice_{std::random_device{}()};
  std::uniform_real_distribution<double> jitter_;
};

}  // namespace

int retry_dead_letters(const ExecutorConfig& config, const Observers& observers, const AddressPolicy& addresses,
                       const RetryRequest& request, StopSignal& stop) {
  Loop loop;
  std::unique_ptr<RetrySource> source;
  if (config.transport == Transport::postgres) source = std::make_unique<TableRetries>(loop, config, observers);
  else source = std::make_unique<StreamRetries>(loop, config);
  Retry retry(loop, *source, observers, addresses, stop, request.dry_run);
  return retry_letters(request, stop, std::cin, std::cout, [&](std::uint64_t number) { return retry.retry(number); });
}

}  // namespace fraiseql
