#pragma once

#include <string_view>
#include <vector>

#include "common/config.hpp"

namespace fraiseql {

/// What is to be done about which event: the observers of the file, in its order.
class Observers {
 public:
  /// Throws ConfigError for two observers of one name, a malformed URL or header.
  explicit Observers(std::vector<ObserverConfig> observers);

  /// Places of the enabled observers that want this event, in the order of the file.
  std::vector<std::size_t> matching(std::string_view entity, std::string_view event_type) const;

  const ObserverConfig& at(std::size_t place) const { return observers_[place]; }
  const std::vector<ObserverConfig>& all() const { return observers_; }
  /// The peer of a webhook action, such as "example.com:443"; empty for an action without one.
  const std::string& host(std::size_t observer, std::size_t action) const { return hosts_[observer][action]; }

 private:
  std::vector<ObserverConfig> observers_;
  std::vector<std::vector<std::string>> hosts_;
};

}  // namespace fraiseql
