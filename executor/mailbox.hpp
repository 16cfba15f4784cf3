#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/nats/handles.hpp"
#include "executor/delivery.hpp"

namespace fraiseql {

class Loop;

/// A subscription whose messages are handed to the loop's thread, in order. cnats' own thread only puts them into a queue.
///
/// A message belongs to the mailbox and is gone when the call returns. Neither messages nor `ended` come after the object is
/// gone. Throws Unavailable when cnats refuses.
class Mailbox {
 public:
  using Arrived = std::function<void(const nats::Message&)>;

  /// Keeps `loop`. `subject` may end in a wildcard.
  Mailbox(Loop& loop, natsConnection* connection, const std::string& subject, Arrived arrived);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Ends the subscription without losing what the server has already sent: `ended` is called after the last message.
  void drain(std::function<void()> ended);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  nats::Subscription subscription_;
};

/// A subject prefix for replies that nobody else uses, with its last dot.
std::string new_inbox();

/// Subject, headers and payload as values of their own. The place in the stream is read from the reply subject.
StoredMessage stored_message(natsMsg* message);

/// The status of a message that is only a status line ("100", "404", ...); 0 for any other message. `text` gets the words after
/// it.
int status_of(natsMsg* message, std::string& text);

}  // namespace fraiseql
