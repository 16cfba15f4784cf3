#pragma once

#include <string>

#include "executor/delivery.hpp"
#include "executor/event_view.hpp"

namespace fraiseql {

/// One event, as conditions, templates and actions see it. Owns nothing.
struct Event {
  const StoredMessage& message;
  const EventView& view;
  const std::string& id;  ///< the message id: the receiver's idempotency key
};

}  // namespace fraiseql
