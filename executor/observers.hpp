#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "executor/actions/action.hpp"
#include "executor/language/condition.hpp"

namespace fraiseql {

class Tally;

/// What is to be done about which event: the observers of the file, in its order.
class Observers {
 public:
  /// Compiles everything. Throws ConfigError that lists every mistake, a line each, as the settings' own are; one inside a
  /// condition or a template has two more lines, which show it.
  Observers(std::vector<ObserverConfig> observers, const ActionSettings& settings);

  /// Places of the enabled observers that want this event, in the order of the file. Counts the conditions that could not be
  /// judged, and warns of an observer once when the event lacks the earlier values that its condition asks for.
  std::vector<std::size_t> matching(const Event& event, Tally& tally) const;

  /// For --check: asks the peers of all actions, blocking. What is wrong, a line each, each once.
  std::vector<std::string> complaints() const;

  const ObserverConfig& at(std::size_t place) const { return observers_[place]; }
  const std::vector<ObserverConfig>& all() const { return observers_; }
  const Action& action(std::size_t observer, std::size_t action) const { return *actions_[observer][action]; }

 private:
  bool satisfied(std::size_t place, const Event& event, Tally& tally) const;

  std::vector<ObserverConfig> observers_;
  std::vector<std::optional<Condition>> conditions_;
  std::vector<std::vector<std::unique_ptr<const Action>>> actions_;
  std::unique_ptr<std::atomic<bool>[]> warned_;  ///< per observer
};

}  // namespace fraiseql
