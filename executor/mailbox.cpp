#include "executor/mailbox.hpp"

#include <cstdlib>
#include <mutex>
#include <vector>

#include "executor/loop.hpp"

namespace fraiseql {

// Outlives the mailbox: cnats may still be in a callback when a subscription is destroyed.
struct Mailbox::Shared : std::enable_shared_from_this<Mailbox::Shared> {
  explicit Shared(Loop& loop_) : loop(loop_) {}
  Loop& loop;
  std::mutex mutex;
  std::vector<nats::Message> queue;
  bool open = true;             // false: the mailbox is gone
  Arrived arrived;              // used on the loop's thread only
  std::function<void()> ended;  // likewise

  void push(nats::Message message) {
    const std::lock_guard lock(mutex);
    if (!open) return;
    queue.push_back(std::move(message));
    // One post per burst; it keeps this object alive until it has run.
    if (queue.size() == 1) loop.post([self = shared_from_this()] { self->take(); });
  }
  void complete() {
    const std::lock_guard lock(mutex);
    if (!open) return;
    loop.post([self = shared_from_this()] {
      self->take();
      if (self->alive() && self->ended) std::exchange(self->ended, {})();
    });
  }
  bool alive() {
    const std::lock_guard lock(mutex);
    return open;
  }
  void take() {
    std::vector<nats::Message> messages;
    {
      const std::lock_guard lock(mutex);
      messages.swap(queue);
    }
    for (const auto& message : messages) {
      if (!alive()) return;  // what was called may have ended us
      arrived(message);
    }
    // All of them are freed together, here: cnats leaves that to a thread of its own, which a single one would wake.
  }
};

Mailbox::Mailbox(Loop& loop, natsConnection* connection, const std::string& subject, Arrived arrived)
    : shared_(std::make_shared<Shared>(loop)) {
  shared_->arrived = std::move(arrived);
  // cnats' own reference, given back when it has called for the last time.
  auto* for_cnats = new std::shared_ptr<Shared>(shared_);
  natsSubscription* raw = nullptr;
  const natsStatus status = natsConnection_Subscribe(
      &raw, connection, subject.c_str(),
      [](natsConnection*, natsSubscription*, natsMsg* message, void* self) {
        (*static_cast<std::shared_ptr<Shared>*>(self))->push(nats::Message(message));
      },
      for_cnats);
  if (status != NATS_OK) delete for_cnats;
  nats::check(status, "subscribe to " + subject);
  subscription_.reset(raw);
  natsSubscription_SetPendingLimits(raw, -1, -1);
  natsSubscription_SetOnCompleteCB(
      raw,
      [](void* self) {
        auto* shared = static_cast<std::shared_ptr<Shared>*>(self);
        (*shared)->complete();
        delete shared;
      },
      for_cnats);
}

Mailbox::~Mailbox() {
  const std::lock_guard lock(shared_->mutex);
  shared_->open = false;
}

void Mailbox::drain(std::function<void()> ended) {
  shared_->ended = std::move(ended);
  // Without a connection nothing is on its way.
  if (natsSubscription_DrainTimeout(subscription_.get(), 2000) != NATS_OK)
    shared_->loop.post([shared = shared_] {
      if (shared->alive() && shared->ended) std::exchange(shared->ended, {})();
    });
}

std::string new_inbox() {
  const auto inbox = nats::make<nats::Inbox>("make an inbox", natsInbox_Create);
  return std::string(reinterpret_cast<const char*>(inbox.get())) + ".";
}

StoredMessage stored_message(natsMsg* message) {
  StoredMessage stored;
  stored.subject = natsMsg_GetSubject(message);
  stored.payload = nats::data(message);
  if (const char* reply = natsMsg_GetReply(message))
    if (const auto delivery = parse_ack_subject(reply)) {
      stored.stream_seq = delivery->stream_seq;
      stored.stored_at_ns = delivery->stored_at_ns;
    }
  const char** keys = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message, &keys, &count) != NATS_OK) return stored;
  for (int i = 0; i < count; ++i) {
    const char** values = nullptr;
    int how_many = 0;
    if (natsMsgHeader_Values(message, keys[i], &values, &how_many) != NATS_OK) continue;
    for (int v = 0; v < how_many; ++v) stored.headers.emplace_back(keys[i], values[v]);
    std::free(static_cast<void*>(values));
  }
  std::free(static_cast<void*>(keys));
  return stored;
}

int status_of(natsMsg* message, std::string& text) {
  if (natsMsg_GetDataLength(message) > 0) return 0;
  const char* value = nullptr;
  if (natsMsgHeader_Get(message, "Status", &value) != NATS_OK || !value) return 0;
  const int status = std::atoi(value);
  if (natsMsgHeader_Get(message, "Description", &value) == NATS_OK && value) text = value;
  return status;
}

}  // namespace fraiseql
