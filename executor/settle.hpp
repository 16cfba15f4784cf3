#pragma once

#include <chrono>
#include <optional>
#include <variant>
#include <vector>

#include "executor/outcome.hpp"

namespace fraiseql {

using SteadyTime = std::chrono::steady_clock::time_point;

/// One action of one message: where it stands.
struct ActionState {
  enum class Phase {
    pending,  ///< not tried yet in this process, or due again
    waiting,  ///< for its next try at `due`
    running,
    failing,  ///< it has failed for good, and its dead letter is being written
    done,
    failed,  ///< for good, and its dead letter is stored or not wanted
  };
  Phase phase = Phase::pending;
  unsigned attempts = 0;  ///< tries made
  SteadyTime due{};       ///< of a waiting one
  Outcome last;           ///< of the last try

  bool over() const { return phase == Phase::done || phase == Phase::failed; }
};

/// The actions of one observer for one message, in order.
struct Track {
  std::size_t observer = 0;  ///< its place in the file
  std::vector<ActionState> actions;
};

struct Run {
  std::size_t track, action;
};
struct Wait {
  SteadyTime until;
};
struct Busy {};      ///< something runs or is being written: ask again when it is over
struct Finished {};  ///< every action is over: acknowledge
struct HandBack {};  ///< it cannot end in time: let another executor have it

using Step = std::variant<Run, Wait, Busy, Finished, HandBack>;

/// What to do with a message now. One action of a message runs at a time, observers in the order of the file; one that
/// waits for its next try does not hold the observers after it. `stop_by`: set while stopping.
Step next_step(const std::vector<Track>& tracks, SteadyTime now, std::optional<SteadyTime> stop_by);

}  // namespace fraiseql
