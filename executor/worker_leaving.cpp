// What a worker does when something around it changes: progress written and read, acks dropped, a stop.
#include <algorithm>
#include <vector>

#include "common/log.hpp"
#include "executor/origin.hpp"
#include "executor/progress.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Stage = Held::Stage;

void Worker::load_progress(std::uint64_t id) {
  Held* held = find(id);
  if (!held) return;
  held->stage = Stage::loading;
  tools_.progress.load(held->event_id, [this, id](const std::optional<std::string>& known) {
    Held* found = find(id);
    if (!found || found->stage != Stage::loading) return;
    if (!known) {  // without knowing what is done nothing may be done
      found->timer = tools_.act.loop.after(1s, [this, id] { load_progress(id); });
      return;
    }
    found->progress_stored = !known->empty();
    apply_progress(*known, found->tracks, *found->observers);
    found->stage = Stage::working;
    advance(id);
  });
}

void Worker::save_progress(std::uint64_t id) {
  Held* held = find(id);
  if (!held) return;
  held->stage = Stage::saving;
  held->progress_stored = true;
  tools_.progress.save(held->event_id, encode_progress(held->tracks, *held->observers), 5s, [this, id](bool saved) {
    Held* found = find(id);
    if (!found || found->stage != Stage::saving) return;
    if (!saved) {
      found->timer = tools_.act.loop.after(1s, [this, id] { save_progress(id); });
      return;
    }
    found->stage = Stage::working;
    advance(id);
  });
}

void Worker::still_working() {
  for (const auto& [id, held] : held_)
    for (const auto& [seq, reply] : held->replies) tools_.acks.working(reply);
}

void Worker::resume() {
  drain();
  if (calls_.changed) calls_.changed();
}

void Worker::drop_acks() {
  for (auto& [id, held] : held_) held->replies.clear();
}

void Worker::abandon_waiting() {
  std::vector<std::uint64_t> waiting;
  for (const auto& [id, held] : held_) {
    const bool busy = held->running || held->alone || held->stage == Stage::saving || held->stage == Stage::settling ||
                      held->stage == Stage::handing_back ||
                      std::holds_alternative<Busy>(next_step(held->tracks, Clock::now(), std::nullopt));
    if (!busy) waiting.push_back(id);
  }
  // Everybody out before anybody's turn comes.
  for (const std::uint64_t id : waiting) remove(id);
  std::erase_if(to_begin_, [this](std::uint64_t id) { return !find(id); });
  drain();
  if (!waiting.empty()) log::warn("others do what this process had not begun", {{"messages", waiting.size()}});
}

void Worker::stop(SteadyTime by) {
  stop_by_ = by;
  std::vector<std::uint64_t> ids;
  for (const auto& [id, held] : held_)
    if (held->stage == Stage::working) ids.push_back(id);
  for (const std::uint64_t id : ids) advance(id);
}

void Worker::hand_back_all() {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, held] : held_) ids.push_back(id);
  // By stream order, so that the next executor gets them in it.
  std::sort(ids.begin(), ids.end(),
            [this](std::uint64_t a, std::uint64_t b) { return find(a)->message.stream_seq < find(b)->message.stream_seq; });
  for (const std::uint64_t id : ids)
    if (Held* held = find(id)) hand_back(*held);
}

// One that waits in its entity's line goes after those before it, or the next executor would get a later change first.
void Worker::hand_back(Held& held) {
  if (held.stage == Stage::handing_back || (!held.entity.empty() && !order_.first(held.entity, held.id))) return;
  held.stage = Stage::handing_back;
  tools_.act.loop.cancel(held.timer);
  held.run.reset();
  if (held.running) schedule_.finished(held.host, Schedule::Answer::unknown, Clock::now());
  held.running = false;
  if (held.enqueued) schedule_.withdraw(held.host, held.id);
  held.enqueued = false;
  const std::uint64_t id = held.id;
  const std::string json = encode_progress(held.tracks, *held.observers);
  if (json.empty())
    give_back(id);
  else
    tools_.progress.save(held.event_id, json, 2s, [this, id](bool) { give_back(id); });
}

void Worker::give_back(std::uint64_t id) {
  Held* held = find(id);
  if (!held) return;
  for (const auto& [seq, reply] : held->replies) tools_.acks.hand_back(reply);
  const bool alone = held->alone;
  const auto behind = held->entity.empty() ? std::vector<std::uint64_t>{} : order_.behind(held->entity);
  remove(id);
  for (const std::uint64_t other : behind)
    if (Held* next = find(other)) hand_back(*next);
  if (alone && alone_over_) std::exchange(alone_over_, {})(Alone::handed_back);
  if (calls_.changed) calls_.changed();
}

}  // namespace fraiseql
