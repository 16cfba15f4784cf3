// What a worker does when something around it changes: progress written and read, acks dropped, a stop.
#include <algorithm>
#include <vector>

#include "common/log.hpp"
#include "executor/acks.hpp"
#include "executor/broker.hpp"
#include "executor/dead_letters.hpp"
#include "executor/http_client.hpp"
#include "executor/progress.hpp"
#include "executor/requests.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Phase = ActionState::Phase;
using Stage = Held::Stage;

namespace {
constexpr int message_not_found = 10037;
constexpr int stream_not_found = 10059;

std::string progress_subject(const ExecutorConfig& config, const Held& held) {
  return "$KV." + Broker::bucket(config.nats) + "." + progress_key(held.event_id);
}
}  // namespace

void Worker::load_progress(std::uint64_t id) {
  Held* held = find(id);
  if (!held) return;
  held->stage = Stage::loading;
  const std::string json = "{\"last_by_subj\":\"" + progress_subject(tools_.config, *held) + "\"}";
  tools_.requests.send(
      "$JS.API.STREAM.MSG.GET.KV_" + Broker::bucket(tools_.config.nats), {}, json, 5s, [this, id](const Requests::Reply& reply) {
        Held* found = find(id);
        if (!found || found->stage != Stage::loading) return;
        const Stored error = reply.kind == Requests::Reply::Kind::answer ? parse_stored(reply.data) : Stored{0, 503, 0, ""};
        if (error.err_code == stream_not_found && calls_.bucket_missing) calls_.bucket_missing();
        if (error.code != 0 && error.err_code != message_not_found && error.err_code != stream_not_found) {
          // Without knowing what is done nothing may be done.
          found->timer = tools_.loop.after(1s, [this, id] { load_progress(id); });
          return;
        }
        if (error.code == 0)
          if (const auto kept = parse_stored_message(reply.data); kept && kept.value().header("KV-Operation").empty()) {
            apply_progress(kept.value().payload, found->tracks, tools_.observers);
            found->progress_stored = true;
          }
        found->stage = Stage::working;
        advance(id);
      });
}

void Worker::write_progress(const Held& held, const std::string& json, std::chrono::milliseconds limit,
                            std::function<void(bool)> written) {
  tools_.requests.send(progress_subject(tools_.config, held), {}, json, limit,
                       [this, written = std::move(written)](const Requests::Reply& reply) {
                         if (reply.kind == Requests::Reply::Kind::no_responders && calls_.bucket_missing) calls_.bucket_missing();
                         if (reply.kind != Requests::Reply::Kind::answer) return written(false);
                         const Stored stored = parse_stored(reply.data);
                         written(stored.code == 0 && stored.seq > 0);
                       });
}

void Worker::save_progress(std::uint64_t id) {
  Held* held = find(id);
  if (!held) return;
  held->stage = Stage::saving;
  held->progress_stored = true;
  write_progress(*held, encode_progress(held->tracks, tools_.observers), 5s, [this, id](bool written) {
    Held* found = find(id);
    if (!found || found->stage != Stage::saving) return;
    if (!written) {
      found->timer = tools_.loop.after(1s, [this, id] { save_progress(id); });
      return;
    }
    found->stage = Stage::working;
    advance(id);
  });
}

void Worker::forget_progress(const Held& held) {
  tools_.requests.send(progress_subject(tools_.config, held), {{"KV-Operation", "PURGE"}, {"Nats-Rollup", "sub"}}, "", 5s,
                       [](const Requests::Reply&) {});
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
  if (!waiting.empty()) log::warn("this process was frozen; others do what it had not begun", {{"messages", waiting.size()}});
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
  tools_.loop.cancel(held.timer);
  if (held.request) tools_.http.cancel(held.request);
  held.request = 0;
  if (held.running) schedule_.finished(held.host, Schedule::Answer::unknown, Clock::now());
  held.running = false;
  if (held.enqueued) schedule_.withdraw(held.host, held.id);
  held.enqueued = false;
  const std::uint64_t id = held.id;
  const std::string json = encode_progress(held.tracks, tools_.observers);
  if (json.empty()) {
    give_back(id);
  } else {
    write_progress(held, json, 2s, [this, id](bool) { give_back(id); });
  }
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
