#include "executor/observers.hpp"

#include <algorithm>
#include <string>

#include "common/config/mistakes.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "executor/language/caret.hpp"
#include "executor/language/mistake.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

Observers::Observers(std::vector<ObserverConfig> observers, const ActionSettings& settings)
    : observers_(std::move(observers)), warned_(std::make_unique<std::atomic<bool>[]>(observers_.size())) {
  std::string mistakes;
  const auto add = [&](const std::string& lines) { mistakes += (mistakes.empty() ? "" : "\n") + lines; };
  for (const ObserverConfig& observer : observers_) {
    auto& condition = conditions_.emplace_back();
    const Placed& placed = observer.condition;
    if (placed.set()) try {
        condition.emplace(placed.text);
      } catch (const Mistake& e) {
        add(config::mistake_line(placed.origin, "observers.condition", e.what()) + "\n" + with_caret(placed.text, e.at()));
      }
    auto& actions = actions_.emplace_back();
    for (const ActionConfig& action : observer.actions) try {
        actions.push_back(make_action(action, settings));
      } catch (const ConfigError& e) {
        add(e.what());
      }
  }
  if (!mistakes.empty()) throw ConfigError(mistakes);
}

std::vector<std::size_t> Observers::matching(const Event& event, Tally& tally) const {
  std::vector<std::size_t> places;
  for (std::size_t place = 0; place < observers_.size(); ++place) {
    const ObserverConfig& observer = observers_[place];
    if (observer.enabled && (observer.entity == "*" || observer.entity == event.view.entity) &&
        (observer.event_type == "*" || observer.event_type == event.view.event) && satisfied(place, event, tally))
      places.push_back(place);
  }
  return places;
}

bool Observers::satisfied(std::size_t place, const Event& event, Tally& tally) const {
  if (!conditions_[place]) return true;
  const Condition::Verdict verdict = conditions_[place]->judge(event.view);
  if (verdict.incomparable) tally.incomparable();
  if (verdict.without_before) {
    tally.without_before();
    if (!warned_[place].exchange(true))
      log::warn(
          "a condition asks for earlier values, and an event has none: needs changelog_pre_image or capture --pre-image",
          {{"observer", observers_[place].name}, {"condition_at", observers_[place].condition.origin}, {"event_id", event.id}});
  }
  return verdict.holds;
}

std::vector<std::string> Observers::complaints() const {
  std::vector<std::string> lines;
  for (std::size_t place = 0; place < observers_.size(); ++place) {
    if (!observers_[place].enabled) continue;
    for (const auto& action : actions_[place])
      if (auto line = action->complaint(); !line.empty() && std::find(lines.begin(), lines.end(), line) == lines.end())
        lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace fraiseql
