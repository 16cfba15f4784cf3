#include "executor/observers.hpp"

#include <set>
#include <string>

#include "common/errors.hpp"
#include "executor/http_client.hpp"
#include "executor/webhook.hpp"

namespace fraiseql {

Observers::Observers(std::vector<ObserverConfig> observers) : observers_(std::move(observers)) {
  std::set<std::string> names;
  for (const ObserverConfig& observer : observers_) {
    if (!names.insert(observer.name).second) throw ConfigError("two observers are called " + observer.name);
    auto& hosts = hosts_.emplace_back();
    for (const ActionConfig& action : observer.actions) {
      const auto refuse = [&](const std::string& why) { throw ConfigError("observer " + observer.name + ": " + why); };
      if (action.type != "webhook" && action.type != "log") refuse("Unsupported action type: " + action.type);
      for (const auto& [name, value] : action.headers)
        if (const auto mistake = header_mistake(name, value); !mistake.empty()) refuse(mistake);
      try {
        hosts.push_back(action.type == "webhook" ? host_of(action.url) : std::string());
      } catch (const ConfigError& e) {
        refuse(e.what());
      }
    }
  }
}

std::vector<std::size_t> Observers::matching(std::string_view entity, std::string_view event_type) const {
  std::vector<std::size_t> places;
  for (std::size_t place = 0; place < observers_.size(); ++place) {
    const ObserverConfig& observer = observers_[place];
    if (observer.enabled && (observer.entity == "*" || observer.entity == entity) &&
        (observer.event_type == "*" || observer.event_type == event_type))
      places.push_back(place);
  }
  return places;
}

}  // namespace fraiseql
