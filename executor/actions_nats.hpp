#pragma once

#include <memory>
#include <optional>

#include "common/config.hpp"

namespace fraiseql {

class Loop;
class Observers;
class Requests;
namespace nats {
class Link;
}

/// The connection to NATS of actions that publish, for a transport that has none of its own. Made only when an enabled
/// observer has such an action; the constructor then throws as nats::Link does.
class ActionsNats {
 public:
  ActionsNats(Loop& loop, const NatsConfig& config, const Observers& observers);
  ~ActionsNats();

  /// Whether these observers can do without a connection, or there is one.
  bool serves(const Observers& observers) const;
  Requests* requests() const { return requests_.get(); }  ///< null: no action needs it
  /// Whether the connection stands; none: there is none.
  std::optional<bool> connected() const;

 private:
  std::unique_ptr<nats::Link> link_;
  std::unique_ptr<Requests> requests_;
};

}  // namespace fraiseql
