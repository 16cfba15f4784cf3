#pragma once

#include <optional>
#include <string>

#include "common/event.hpp"
#include "executor/delivery.hpp"

namespace fraiseql {

/// A row of the change log as a message of a stream would be: an observer cannot tell the difference.
struct RowMessage {
  StoredMessage message;             ///< of a row that can be no event: what its dead letter holds
  std::optional<Unpublishable> why;  ///< it can be no event
};

/// Makes messages of rows, by the very code that the bridge publishes with. Not thread-safe.
class MessageMaker {
 public:
  /// Longer rows are dead letters: they would have to be held whole, several times over.
  static constexpr std::size_t max_bytes = 64 << 20;

  MessageMaker(const std::string& subject_prefix, const std::string& source);
  RowMessage make(const ChangeRow& row);

 private:
  EventEncoder encoder_;
  std::string frame_;
};

}  // namespace fraiseql
