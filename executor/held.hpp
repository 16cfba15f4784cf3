#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "executor/actions/action.hpp"
#include "executor/event.hpp"
#include "executor/loop.hpp"
#include "executor/settle.hpp"

namespace fraiseql {

class Observers;

/// A message that an executor has taken and not yet settled.
struct Held {
  std::uint64_t id = 0;
  StoredMessage message;
  std::string event_id;
  std::string entity;  ///< entity and its id: whose changes run in order; empty: no order
  /// Where to acknowledge, by stream sequence: the newest delivery of each. Empty once the consumer that delivered is gone.
  std::map<std::uint64_t, std::string> replies;
  std::uint64_t deliveries = 1;
  SteadyTime taken;
  EventView view;
  const Event event{message, view, event_id};
  std::shared_ptr<const Observers> observers;  ///< as they were when it was taken
  std::string undecodable;                     ///< why; empty when it is an event
  std::vector<Track> tracks;

  enum class Stage {
    queued,   ///< its turn has not come
    loading,  ///< its progress is being read
    working,
    saving,        ///< its progress is being written, between two actions
    settling,      ///< its last dead letter is being written
    handing_back,  ///< its progress is being written, and then it goes
  };
  Stage stage = Stage::queued;
  bool progress_stored = false;     ///< the bucket holds something about it
  bool alone = false;               ///< the last try of a message that has used up its deliveries
  Failure failure = Failure::none;  ///< of the first action that failed for good

  Loop::Timer timer;      ///< the next look at it
  bool enqueued = false;  ///< waits for a slot on `host`
  bool running = false;   ///< has a slot on `host`
  Run current{};          ///< the action that is enqueued or running
  std::string host;
  SteadyTime started;            ///< of the running try
  std::unique_ptr<Running> run;  ///< last: what runs ends before what it looks at

  std::size_t actions() const {
    std::size_t count = 0;
    for (const Track& track : tracks) count += track.actions.size();
    return count;
  }
};

}  // namespace fraiseql
