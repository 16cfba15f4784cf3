#include "cli/bridge_place.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <thread>

#include "common/change_log.hpp"
#include "common/errors.hpp"
#include "common/nats/scan.hpp"
#include "common/nats/stored_message.hpp"
#include "common/stream_history.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t any_pk = std::numeric_limits<std::int64_t>::max();

/// The servers as the command finds them.
struct Scene {
  Scene(const BridgeConfig& config_, const std::string& who)
      : config(config_), log(config.database_url, config.transport_name, config.start_from_now, who),
        link(config.nats, nats::Link::Reconnect::never, who), stream(nats::stream_info(link, config.nats.stream_name).value_or(nats::StreamInfo{})) {
    const auto known = log.known_checkpoint();
    if (!known) throw NotMoved("no bridge has published as transport " + config.transport_name + " from this database yet");
    now = *known;
    copy = log.is_copy(now);
  }

  const BridgeConfig& config;
  ChangeLog log;
  nats::Link link;
  nats::StreamInfo stream;  ///< of a stream that does not exist: empty
  Checkpoint now;
  bool copy;
};

Checkpoint above(std::int64_t pk) {
  Checkpoint to;
  to.cursor = pk;
  return to;
}

void take_stream_place(Checkpoint& to, const Checkpoint& from) {
  to.stream_seq = from.stream_seq;
  to.stream_msg_id = from.stream_msg_id;
  to.tail_seq = from.tail_seq;
}

/// The pk of the first message that the stream has of this transport.
std::optional<std::int64_t> first_pk(Scene& scene) {
  std::optional<std::int64_t> first;
  if (scene.stream.messages == 0) return first;
  int others = 0;
  nats::scan(scene.link, scene.config.nats.stream_name, {}, [&](const nats::Scanned& message) {
    if (message.header("Fraiseql-Source") != scene.config.transport_name) {
      if (++others % 1000 == 0) scene.log.touch();  // the server ends a session that says nothing for ten seconds
      return true;
    }
    const std::string_view pk = message.header("Fraiseql-Pk");
    std::int64_t number = 0;
    if (std::from_chars(pk.data(), pk.data() + pk.size(), number).ec != std::errc()) return true;
    first = number;
    return false;
  });
  return first;
}

}  // namespace

Moved rewind_bridge(const BridgeConfig& config, const RewindTo& to) {
  Scene scene(config, "fraiseql bridge rewind");
  const Checkpoint& now = scene.now;
  if (scene.copy) throw NotMoved("this database is a copy, and its checkpoint means nothing in it: fraiseql bridge adopt");
  Checkpoint target = now;
  Kept kept{-1, std::nullopt};
  std::string until = "infinity";
  if (to.pk) {
    if (*to.pk > now.cursor) throw NotMoved("the checkpoint stands at pk " + std::to_string(now.cursor) + ", and a rewind only goes back");
    // All above the pk that the snapshot sees, then all that it does not see, also below the pk; what it sees there must not wait.
    const std::string snapshot = scene.log.snapshot();
    const auto waiting = scene.log.lowest_waiting(now.place);
    target = above(waiting ? std::min(*to.pk, *waiting - 1) : *to.pk);
    target.place = {"", snapshot, target.cursor};
    kept.up_to_pk = target.cursor;
  } else if (to.accept) {
    const auto seq = static_cast<std::uint64_t>(now.stream_seq);
    if (seq == 0) throw NotMoved("nothing is lost: no message is known to have been stored");
    if (!nats::has_lost(scene.link, config.nats.stream_name, scene.stream, seq, now.stream_msg_id))
      throw NotMoved("nothing is lost: stream " + config.nats.stream_name + " has kept message " + std::to_string(seq) + ", the last one known to be stored");
  } else {
    const auto found = scene.log.history(to.time);
    const auto all = found.empty() ? scene.log.history() : found;
    if (all.empty()) throw NotMoved("no earlier checkpoint is kept: use --to-pk");
    if (found.empty()) throw NotMoved("the oldest checkpoint that is kept is of " + all.back().saved_at + ": use --to-pk");
    target = found.front().checkpoint;
    until = found.front().saved_at;
    kept = {any_pk, until};
  }
  // From there on the session looks for what the stream still holds; without an entry it looks through the whole stream.
  const auto standing = newest_standing(scene.log, scene.log.history(until), target.cursor, scene.link, config.nats.stream_name, scene.stream);
  take_stream_place(target, standing ? standing->checkpoint : Checkpoint{});
  if (!to.dry_run) scene.log.move(target, kept);
  return {now.cursor, target.cursor, static_cast<std::uint64_t>(target.tail_seq), 0};
}

Moved adopt_database(const BridgeConfig& config, const AdoptFrom& from) {
  Scene scene(config, "fraiseql bridge adopt");
  if (!scene.copy) throw NotMoved("this database is no copy: there is nothing to adopt");
  // A bridge that stands before the copy asks for the lock now and then, and lets it go again.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!scene.log.try_lead()) {
    if (std::chrono::steady_clock::now() > deadline) throw NotMoved("another session holds the lead of transport " + config.transport_name + ": stop the bridges first");
    std::this_thread::sleep_for(20ms);
  }
  Checkpoint to = above(scene.now.cursor);
  if (from.pk) {
    to = above(*from.pk);
  } else if (nats::holds(scene.link, config.nats.stream_name, static_cast<std::uint64_t>(scene.now.stream_seq), scene.now.stream_msg_id)) {
    // It is the stream of the original: what the copied checkpoint has done is there, or has gone by its limits.
    take_stream_place(to, scene.now);
  } else if (const auto first = first_pk(scene)) {
    to = above(*first - 1);
  }
  const std::int64_t rows = from.dry_run ? scene.log.foreign_rows() : scene.log.adopt(scene.now, to);
  return {scene.now.cursor, to.cursor, static_cast<std::uint64_t>(to.tail_seq), rows};
}

}  // namespace fraiseql
