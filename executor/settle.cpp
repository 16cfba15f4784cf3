#include "executor/settle.hpp"

#include <algorithm>

namespace fraiseql {

Step next_step(const std::vector<Track>& tracks, SteadyTime now, std::optional<SteadyTime> stop_by) {
  std::optional<SteadyTime> earliest;
  std::optional<Run> first;
  for (std::size_t track = 0; track < tracks.size(); ++track) {
    const auto& actions = tracks[track].actions;
    const auto current = std::find_if(actions.begin(), actions.end(), [](const ActionState& action) { return !action.over(); });
    if (current == actions.end()) continue;
    switch (current->phase) {
      case ActionState::Phase::running:
      case ActionState::Phase::failing:
        return Busy{};
      case ActionState::Phase::waiting:
        if (current->due > now) {
          earliest = std::min(earliest.value_or(current->due), current->due);
          break;
        }
        [[fallthrough]];
      default:
        if (!first) first = Run{track, static_cast<std::size_t>(current - actions.begin())};
    }
  }
  if (first) return *first;
  if (!earliest) return Finished{};
  if (stop_by && *earliest > *stop_by) return HandBack{};
  return Wait{*earliest};
}

}  // namespace fraiseql
