// What a bridge session finds in the stream before it publishes: whether it has lost something, and what it holds already.
#include <limits>

#include "bridge/session.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/nats/stored_message.hpp"
#include "common/status_names.hpp"
#include "common/stream_history.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

void BridgeSession::check_identity() {
  const std::string& stream = config_.nats.stream_name;
  const auto seq = static_cast<std::uint64_t>(checkpoint_.stream_seq);
  if (seq == 0 || !nats::has_lost(*link_, stream, stream_, seq, checkpoint_.stream_msg_id)) return;
  if (std::exchange(memory_.regression_seq, seq) != seq) ++stats_.regressions;  // once, however often it is tried again
  const auto history = change_log_.history();
  constexpr auto any_pk = std::numeric_limits<std::int64_t>::max();
  if (const auto entry = newest_standing(change_log_, history, any_pk, *link_, stream, stream_)) {
    log::error("the stream has lost its last messages; going back to where it still has them",
               {{"stream", stream}, {"still_has_seq", entry->checkpoint.stream_seq}, {"lost_seq", seq}, {"from_pk", entry->checkpoint.cursor},
                {"checkpoint_of", entry->saved_at}});
    checkpoint_ = change_log_.go_back(*entry, checkpoint_.epoch);
    memory_.regression_seq = 0;
    memory_.went_back = "stream " + stream + " had lost messages between " + std::to_string(checkpoint_.stream_seq) + " and " +
                        std::to_string(seq) + "; what it does not hold is published again. Nothing is to be done here: the log of nats-server may tell why";
    memory_.went_back_at = Window::Time::clock::now();
    return;
  }
  // Never guess: what is missing may be anything from one message to all of them.
  throw Refused(history.empty() ? problem::no_history : problem::stream_made_anew,
                "stream " + stream + " does not hold message " + std::to_string(seq) +
                    " any more, the last one known to be stored, nor that of any of the " + std::to_string(history.size()) +
                    " earlier checkpoints. Publish again from a place of your choice, or go on without what is lost: fraiseql bridge rewind "
                    "--to-pk N | --to-time T | --accept");
}

void BridgeSession::read_tail() {
  // After a rewind the tail may be the whole stream, and the server ends a session that says nothing for ten seconds.
  auto touched = Window::Time::clock::now();
  const auto go_on = [&] {
    reporter_.turn();
    const auto now = Window::Time::clock::now();
    if (now - touched > 2s) change_log_.touch(), touched = now;
    return !stop_.requested();
  };
  // A former leader's last messages may still arrive while the tail is read: until the stream stands still under it.
  for (int tries = 0;; ++tries) {
    tail_.emplace(*link_, config_.nats.stream_name, config_.transport_name, static_cast<std::uint64_t>(checkpoint_.tail_seq), go_on);
    const auto now = nats::stream_info(*link_, config_.nats.stream_name);
    if (!now) throw SessionOver("the stream is gone");
    const bool still = now->last_seq == stream_.last_seq;
    stream_.last_seq = now->last_seq;
    stream_.first_seq = now->first_seq;
    if (still || tries == 3) break;
  }
}

}  // namespace fraiseql
