#include "executor/requests.hpp"

#include <cstdlib>

namespace fraiseql {

Requests::Requests(Loop& loop, natsConnection* connection)
    : loop_(loop),
      connection_(connection),
      inbox_(new_inbox()),
      mailbox_(loop, connection, inbox_ + "*", [this](const nats::Message& message) { arrived(message); }) {}

void Requests::send(const std::string& subject, const Headers& headers, std::string_view payload, std::chrono::milliseconds limit,
                    Answered answered) {
  const std::uint64_t number = next_++;
  Waiting& waiting = waiting_[number];
  waiting.answered = std::move(answered);
  waiting.deadline = loop_.after(limit, [this, number] { finish(number, {Reply::Kind::timed_out, {}}); });
  const std::string reply = inbox_ + std::to_string(number);
  natsMsg* raw = nullptr;
  // A failure here is a time-out later: whoever asks has to live with silence anyway.
  if (natsMsg_Create(&raw, subject.c_str(), reply.c_str(), payload.data(), static_cast<int>(payload.size())) != NATS_OK) return;
  const nats::Message message(raw);
  for (const auto& [name, value] : headers)
    if (natsMsgHeader_Add(raw, name.c_str(), value.c_str()) != NATS_OK) return;
  natsConnection_PublishMsg(connection_, raw);
}

std::int64_t Requests::max_payload() const { return natsConnection_GetMaxPayload(connection_); }

void Requests::arrived(const nats::Message& message) {
  const std::string_view subject = natsMsg_GetSubject(message.get());
  if (subject.size() <= inbox_.size()) return;
  const std::uint64_t number = std::strtoull(subject.data() + inbox_.size(), nullptr, 10);
  std::string text;
  if (status_of(message.get(), text) == 503) return finish(number, {Reply::Kind::no_responders, {}});
  finish(number, {Reply::Kind::answer, std::string(nats::data(message.get()))});
}

void Requests::finish(std::uint64_t number, const Reply& reply) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  loop_.cancel(waiting.deadline);
  waiting.answered(reply);
}

}  // namespace fraiseql
