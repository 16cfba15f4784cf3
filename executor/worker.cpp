#include "executor/worker.hpp"

#include <algorithm>

#include "common/log.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/language/template.hpp"
#include "executor/origin.hpp"
#include "executor/retry.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Phase = ActionState::Phase;
using Stage = Held::Stage;

namespace {
constexpr std::size_t settled_kept = 20'000;
}

Worker::Worker(const Tools& tools, std::shared_ptr<const Observers> observers, Calls calls)
    : tools_(tools),
      observers_(std::move(observers)),
      calls_(std::move(calls)),
      schedule_(tools.config.max_concurrency, tools.config.max_per_host),
      settled_(settled_kept) {}

Worker::~Worker() {
  for (auto& [id, held] : held_) tools_.act.loop.cancel(held->timer);
}

Held* Worker::find(std::uint64_t id) {
  const auto found = held_.find(id);
  return found == held_.end() ? nullptr : found->second.get();
}

void Worker::take(StoredMessage message, std::string reply, std::uint64_t deliveries) {
  add(std::move(message), std::move(reply), deliveries, false);
}

void Worker::take_alone(StoredMessage message, std::function<void(Alone)> over) {
  alone_over_ = std::move(over);
  add(std::move(message), "",
      tools_.config.nats.max_deliver > 0 ? static_cast<std::uint64_t>(tools_.config.nats.max_deliver) + 1 : 2, true);
}

void Worker::add(StoredMessage message, std::string reply, std::uint64_t deliveries, bool alone) {
  std::string event = event_id(message);
  const std::uint64_t seq = message.stream_seq;
  if (!alone && settled_.has(seq, event)) return tools_.acks.done(reply);
  if (const auto known = by_event_.find(event); known != by_event_.end()) {
    // Delivered again, or the same event a second time in the stream: one run of its actions settles all of them.
    Held& held = *held_.at(known->second);
    if (alone)
      held.alone = true;
    else
      held.replies[seq] = std::move(reply);
    held.deliveries = std::max(held.deliveries, deliveries);
    return;
  }
  const std::uint64_t id = next_++;
  auto made = std::make_unique<Held>();
  Held& held = *made;
  held.id = id;
  held.event_id = event;
  if (!alone) held.replies[seq] = std::move(reply);
  held.deliveries = deliveries;
  held.taken = Clock::now();
  held.alone = alone;
  held.observers = observers_;
  held.message = std::move(message);
  held_bytes_ += held.message.payload.size();
  usual_bytes_ = std::max(held.message.payload.size(), usual_bytes_ - usual_bytes_ / 16);
  auto view = view_event(held.message.payload, held.message.subject);
  if (view) {
    held.view = std::move(view).value();
    for (const std::size_t place : observers_->matching(held.event, tools_.tally)) {
      Track track{place, {}};
      track.actions.resize(observers_->at(place).actions.size());
      held.tracks.push_back(std::move(track));
    }
    if (const auto entity_id = held.message.header("Fraiseql-Entity-Id"); !entity_id.empty())
      held.entity = held.view.entity + '\n' + std::string(entity_id);
  } else {
    held.undecodable = view.error().what;
  }
  by_event_.emplace(std::move(event), id);
  held_.emplace(id, std::move(made));
  if (held.entity.empty() || order_.add(held.entity, seq, id)) begin_later(id);
  drain();
}

void Worker::begin_later(std::uint64_t id) { to_begin_.push_back(id); }

// A line of changes that nobody wants settles itself from front to back: in a loop, for recursion would be as deep as it.
void Worker::drain() {
  if (draining_) return;
  draining_ = true;
  while (!to_begin_.empty() && !tools_.letters.failing()) {
    const std::uint64_t id = to_begin_.front();
    to_begin_.pop_front();
    if (Held* held = find(id)) begin(*held);
  }
  draining_ = false;
}

void Worker::begin(Held& held) {
  if (held.stage != Stage::queued) return;
  held.stage = Stage::working;
  if (!held.undecodable.empty()) return bury(held);
  // After a crash of the server a delivery may count as the first again, so several actions are always looked up.
  if (!held.tracks.empty() && (held.deliveries > 1 || held.actions() > 1)) return load_progress(held.id);
  advance(held.id);
}

void Worker::bury(Held& held) {
  held.stage = Stage::settling;
  held.failure = Failure::undecodable;
  log::warn("dead letter", {{"reason", "undecodable"},
                            {"event_id", held.event_id},
                            {"stream_seq", held.message.stream_seq},
                            {"why", held.undecodable}});
  Cause cause{"undecodable", "", 0, held.deliveries, held.undecodable, 0};
  tools_.letters.write(held.message, cause, [this, id = held.id] {
    if (Held* found = find(id)) settle(*found, true);
  });
}

void Worker::condemn(const StoredMessage& message, std::uint64_t deliveries, const std::string& why,
                     std::function<void()> stored) {
  log::warn("dead letter",
            {{"reason", "max_deliveries"}, {"event_id", event_id(message)}, {"stream_seq", message.stream_seq}, {"why", why}});
  tools_.tally.failed(Failure::max_deliveries);
  tools_.tally.settled(Tally::Seconds(0));
  const Cause cause{"max_deliveries", "", 0, deliveries, why, 0};
  tools_.letters.write(message, cause, std::move(stored));
}

void Worker::advance(std::uint64_t id) {
  Held* held = find(id);
  if (!held || held->stage != Stage::working || held->enqueued || held->running) return;
  tools_.act.loop.cancel(held->timer);
  const Step step = next_step(held->tracks, Clock::now(), stop_by_);
  if (const Run* run = std::get_if<Run>(&step)) return enqueue(*held, *run);
  if (const Wait* wait = std::get_if<Wait>(&step)) {
    held->timer = tools_.act.loop.at(wait->until, [this, id] { advance(id); });
    return;
  }
  if (std::holds_alternative<Finished>(step)) return settle(*held, false);
  if (std::holds_alternative<HandBack>(step)) return hand_back(*held);
}

void Worker::enqueue(Held& held, Run run) {
  held.current = run;
  const std::size_t observer = held.tracks[run.track].observer;
  held.host = held.observers->action(observer, run.action).host();
  if (held.host.empty()) return start(held, false);  // nothing to wait for
  held.enqueued = true;
  schedule_.enqueue(held.host, held.id);
  start_waiting();
}

void Worker::start_waiting() {
  if (starting_) return;
  starting_ = true;
  while (const auto next = schedule_.start(Clock::now())) {
    if (Held* held = find(next->id))
      start(*held, next->circuit_open);
    else if (!next->circuit_open)
      log::error("a slot was given to a message that is gone");
  }
  starting_ = false;
}

void Worker::start(Held& held, bool circuit_open) {
  held.enqueued = false;
  held.running = !circuit_open && !held.host.empty();
  held.started = Clock::now();
  const Track& track = held.tracks[held.current.track];
  ActionState& state = held.tracks[held.current.track].actions[held.current.action];
  state.phase = Phase::running;
  ++state.attempts;
  if (circuit_open) {
    tools_.act.loop.post([this, id = held.id, host = held.host] {
      tried(id, {Failure::circuit_open,
                 0,
                 "circuit open: " + host + " did not answer " + std::to_string(Schedule::failures_to_open) + " times in a row",
                 {}});
    });
    return;
  }
  const Observers& observers = *held.observers;
  const Try attempt{held.event, observers.at(track.observer).name, state.attempts, std::chrono::system_clock::now(),
                    held.current.action + 1, &tools_.tally};
  try {
    held.run =
        observers.action(track.observer, held.current.action).start(attempt, tools_.act, [this, id = held.id](Outcome outcome) {
          tried(id, std::move(outcome));
        });
  } catch (const Unrenderable& e) {
    tools_.act.loop.post([this, id = held.id, why = std::string(e.what())] { tried(id, {Failure::unusable_template, 0, why, {}}); });
  }
}

void Worker::tried(std::uint64_t id, Outcome outcome) {
  Held* held = find(id);
  if (!held) return;
  Track& track = held->tracks[held->current.track];
  ActionState& state = track.actions[held->current.action];
  if (state.phase != Phase::running) return;
  const auto now = Clock::now();
  if (held->running) {
    const bool silent = outcome.failure == Failure::network || outcome.failure == Failure::timeout;
    const bool answered = outcome.succeeded() || outcome.conclusive || outcome.http_status > 0 ||
                          outcome.failure == Failure::smtp || outcome.failure == Failure::database;
    const auto answer = answered ? Schedule::Answer::came : silent ? Schedule::Answer::failed : Schedule::Answer::unknown;
    schedule_.finished(held->host, answer, now);
  }
  held->running = false;
  held->run.reset();
  if (held->stage != Stage::working) return;
  const ObserverConfig& observer = held->observers->at(track.observer);
  tools_.tally.action(observer.actions[held->current.action].type, outcome, now - held->started);
  state.last = outcome;
  if (outcome.succeeded()) {
    state.phase = Phase::done;
    action_over(id);
  } else if (const auto pause =
                 pause_after(observer.retry, state.attempts, outcome, std::uniform_real_distribution<double>()(dice_))) {
    tools_.tally.retried();
    state.phase = Phase::waiting;
    state.due = now + *pause;
    advance(id);
  } else {
    failed(*held, outcome);
  }
  start_waiting();
  if (calls_.changed) calls_.changed();
}

void Worker::failed(Held& held, const Outcome& outcome) {
  Track& track = held.tracks[held.current.track];
  const std::size_t number = held.current.action;
  ActionState& state = track.actions[number];
  const ObserverConfig& observer = held.observers->at(track.observer);
  if (held.failure == Failure::none) held.failure = outcome.failure;
  const bool letter = observer.on_failure == ObserverConfig::OnFailure::dlq;
  const auto line = letter ? log::warn : log::error;
  line(letter                                                    ? "dead letter"
       : observer.on_failure == ObserverConfig::OnFailure::alert ? "ALERT action failed"
                                                                 : "action failed",
       {{"observer", observer.name},
        {"action", number + 1},
        {"event_id", held.event_id},
        {"entity", held.view.entity},
        {"stream_seq", held.message.stream_seq},
        {"attempts", state.attempts},
        {"why", outcome.why}});
  if (!letter) {
    state.phase = Phase::failed;
    return action_over(held.id);
  }
  state.phase = Phase::failing;
  const Cause cause{"action_failed", observer.name, number + 1, state.attempts, outcome.why, outcome.http_status};
  tools_.letters.write(held.message, cause, [this, id = held.id, run = held.current] {
    Held* found = find(id);
    if (!found) return;
    found->tracks[run.track].actions[run.action].phase = Phase::failed;
    action_over(id);
  });
}

void Worker::action_over(std::uint64_t id) {
  Held* held = find(id);
  if (!held || held->stage != Stage::working) return;
  const bool more = std::any_of(held->tracks.begin(), held->tracks.end(), [](const Track& track) {
    return std::any_of(track.actions.begin(), track.actions.end(), [](const ActionState& action) { return !action.over(); });
  });
  if (more)
    save_progress(id);
  else
    advance(id);
}

void Worker::settle(Held& held, bool terminate) {
  const auto now = Clock::now();
  for (const auto& [seq, reply] : held.replies) {
    if (terminate)
      tools_.acks.terminate(reply);
    else
      tools_.acks.done(reply);
    settled_.add(seq, held.event_id);
  }
  tools_.tally.settled(now - held.taken);
  if (held.failure != Failure::none)
    tools_.tally.failed(held.failure);
  else if (!held.tracks.empty())
    tools_.tally.end_to_end(std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) -
                            held.view.changed_at);
  const bool alone = held.alone;
  const std::string known = held.progress_stored ? held.event_id : std::string();
  remove(held.id);
  if (alone && alone_over_) std::exchange(alone_over_, {})(Alone::settled);
  // After the ack: whoever dies between the two leaves a progress behind, not a message whose first action runs again.
  if (!known.empty()) tools_.progress.forget(known);
  drain();
  if (calls_.changed) calls_.changed();
}

void Worker::remove(std::uint64_t id) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  Held& held = *found->second;
  tools_.act.loop.cancel(held.timer);
  if (held.enqueued) schedule_.withdraw(held.host, id);
  held.run.reset();
  if (held.running) schedule_.finished(held.host, Schedule::Answer::unknown, Clock::now());
  if (!held.entity.empty())
    if (const auto next = order_.remove(held.entity, id)) begin_later(*next);
  by_event_.erase(held.event_id);
  held_bytes_ -= held.message.payload.size();
  held_.erase(found);
}

int Worker::room() const {
  if (stop_by_ || tools_.letters.failing()) return 0;
  const int capacity = tools_.config.channel_capacity - static_cast<int>(held_.size());
  const int wanted = std::min(capacity, tools_.config.max_concurrency - schedule_.startable());
  return std::max(0, std::min(wanted, room_in_bytes(held_bytes_, usual_bytes_)));
}

int Worker::share() const {
  const int most = std::min({tools_.config.max_concurrency, tools_.config.channel_capacity, room_in_bytes(0, usual_bytes_)});
  return std::max(1, most / 4);
}

}  // namespace fraiseql
