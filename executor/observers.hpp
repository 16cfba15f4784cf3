#pragma once

#include <memory>
#include <vector>

#include "common/config.hpp"
#include "executor/actions/action.hpp"

namespace fraiseql {

/// What is to be done about which event: the observers of the file, in its order.
class Observers {
 public:
  /// Compiles everything. Throws ConfigError that lists every mistake, a line each, as the settings' own are.
  Observers(std::vector<ObserverConfig> observers, const ActionSettings& settings);

  /// Places of the enabled observers that want this event, in the order of the file.
  std::vector<std::size_t> matching(const Event& event) const;

  const ObserverConfig& at(std::size_t place) const { return observers_[place]; }
  const std::vector<ObserverConfig>& all() const { return observers_; }
  const Action& action(std::size_t observer, std::size_t action) const { return *actions_[observer][action]; }

 private:
  std::vector<ObserverConfig> observers_;
  std::vector<std::vector<std::unique_ptr<const Action>>> actions_;
};

}  // namespace fraiseql
