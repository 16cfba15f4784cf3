#include "executor/jetstream/acks.hpp"

#include "common/nats/link.hpp"

namespace fraiseql {

// cnats would buffer what is published without a connection, and send it to whatever it finds afterwards.
bool JetStreamAcks::open() const { return !held_ && natsConnection_Status(link_.get()) == NATS_CONN_STATUS_CONNECTED; }

void JetStreamAcks::send(const std::string& reply, const char* what) {
  if (reply.empty()) return;
  if (!open() || natsConnection_PublishString(link_.get(), reply.c_str(), what) != NATS_OK) kept_.emplace_back(reply, what);
}

void JetStreamAcks::working(const std::string& reply) {
  if (!reply.empty() && open()) natsConnection_PublishString(link_.get(), reply.c_str(), "+WPI");
}

void JetStreamAcks::once_sent(std::function<void()> work) {
  if (open() && kept_.empty()) return work();
  afterwards_.push_back(std::move(work));
}

void JetStreamAcks::release() {
  held_ = false;
  std::vector<std::pair<std::string, const char*>> kept;
  kept.swap(kept_);
  for (const auto& [reply, what] : kept) send(reply, what);
  if (!open() || !kept_.empty()) return;
  std::vector<std::function<void()>> afterwards;
  afterwards.swap(afterwards_);
  for (const auto& work : afterwards) work();
}

void JetStreamAcks::drop() {
  kept_.clear();
  afterwards_.clear();
  held_ = true;
}

}  // namespace fraiseql
