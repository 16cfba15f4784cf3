#include "executor/observers.hpp"

#include <string>

#include "common/errors.hpp"

namespace fraiseql {

Observers::Observers(std::vector<ObserverConfig> observers, const ActionSettings& settings) : observers_(std::move(observers)) {
  std::string mistakes;
  for (const ObserverConfig& observer : observers_) {
    if (observer.condition.set())
      mistakes += (mistakes.empty() ? "" : "\n") + observer.condition.origin + ": observers.condition: not supported yet";
    auto& actions = actions_.emplace_back();
    for (const ActionConfig& action : observer.actions) try {
        actions.push_back(make_action(action, settings));
      } catch (const ConfigError& e) {
        mistakes += (mistakes.empty() ? "" : "\n") + std::string(e.what());
      }
  }
  if (!mistakes.empty()) throw ConfigError(mistakes);
}

std::vector<std::size_t> Observers::matching(const Event& event) const {
  std::vector<std::size_t> places;
  for (std::size_t place = 0; place < observers_.size(); ++place) {
    const ObserverConfig& observer = observers_[place];
    if (observer.enabled && (observer.entity == "*" || observer.entity == event.view.entity) &&
        (observer.event_type == "*" || observer.event_type == event.view.event))
      places.push_back(place);
  }
  return places;
}

}  // namespace fraiseql
