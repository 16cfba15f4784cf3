#include "executor/actions_nats.hpp"

#include "common/nats/link.hpp"
#include "executor/observers.hpp"
#include "executor/requests.hpp"

namespace fraiseql {
namespace {

bool needed(const Observers& observers) {
  for (const ObserverConfig& observer : observers.all())
    for (const ActionConfig& action : observer.actions)
      if (observer.enabled && action.type == "nats") return true;
  return false;
}

}  // namespace

ActionsNats::ActionsNats(Loop& loop, const NatsConfig& config, const Observers& observers) {
  if (!needed(observers)) return;
  link_ = std::make_unique<nats::Link>(config, nats::Link::Reconnect::always, "fraiseql executor");
  requests_ = std::make_unique<Requests>(loop, link_->get());
}

ActionsNats::~ActionsNats() = default;

bool ActionsNats::serves(const Observers& observers) const { return link_ || !needed(observers); }

std::optional<bool> ActionsNats::connected() const {
  if (!link_) return std::nullopt;
  return link_->connected();
}

}  // namespace fraiseql
