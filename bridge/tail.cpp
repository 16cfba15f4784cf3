#include "bridge/tail.hpp"

#include <rapidjson/document.h>
#include <unistd.h>

#include <charconv>
#include <chrono>

#include "common/errors.hpp"
#include "common/nats/handles.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql {
namespace {

using nats::make;

constexpr int batch = 5000;

// The token at `index` of a subject; views into it.
std::string_view token(std::string_view subject, int index) {
  while (index-- > 0) {
    const auto dot = subject.find('.');
    if (dot == std::string_view::npos) return {};
    subject.remove_prefix(dot + 1);
  }
  return subject.substr(0, subject.find('.'));
}

// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, or from 2.14 on possibly
// $JS.ACK.<domain>.<account>.<stream>.<consumer>... with two tokens more in front.
struct Origin {
  std::uint64_t seq = 0, pending = 0;
};
Origin origin_of(std::string_view reply) {
  int tokens = 1;
  for (const char c : reply) tokens += c == '.';
  const int shift = tokens >= 11 ? 2 : 0;
  const auto number = [&](int index) {
    std::uint64_t value = 0;
    const std::string_view text = token(reply, index);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  return {number(5 + shift), number(8 + shift)};
}

std::string_view header(natsMsg* message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(message, name, &value) == NATS_OK ? std::string_view(value) : std::string_view();
}

// num_pending in the answer to CONSUMER.CREATE; 1 when it is not told.
std::uint64_t pending_of(const std::string& json) {
  rapidjson::Document answer;
  answer.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (answer.HasParseError() || !answer.IsObject()) return 1;
  const auto pending = answer.FindMember("num_pending");
  return pending != answer.MemberEnd() && pending->value.IsUint64() ? pending->value.GetUint64() : 1;
}

}  // namespace

Tail::Tail(const nats::Link& link, const std::string& stream, const std::string& source, std::uint64_t after_seq) {
  const std::string name = "fraiseql_tail_" + std::to_string(getpid()) + "_" +
                           std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
  const std::string config = R"({"stream_name":)" + nats::json_quoted(stream) + R"(,"config":{"name":)" + nats::json_quoted(name) +
                             R"(,"deliver_policy":"by_start_sequence","opt_start_seq":)" + std::to_string(after_seq + 1) +
                             R"(,"ack_policy":"none","replay_policy":"instant","headers_only":true,"mem_storage":true,"num_replicas":1,)"
                             R"("inactive_threshold":30000000000}})";
  const nats::ApiAnswer made = link.api("CONSUMER.CREATE." + stream + "." + name, config);
  if (made.failed()) throw Unavailable("read the stream's tail: " + made.description);

  const auto inbox = make<nats::Inbox>("make an inbox", natsInbox_Create);
  const auto subscription = make<nats::Subscription>("subscribe", natsConnection_SubscribeSync, link.get(), inbox.get());
  const std::string next = "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + name;
  const std::string pull = R"({"batch":)" + std::to_string(batch) + R"(,"no_wait":true})";
  bool done = pending_of(made.json) == 0;  // nothing to wait for
  while (!done) {
    nats::check(natsConnection_PublishRequest(link.get(), next.c_str(), inbox.get(), pull.data(), static_cast<int>(pull.size())), "pull the tail");
    for (int received = 0; received < batch;) {
      natsMsg* raw = nullptr;
      nats::check(natsSubscription_NextMsg(&raw, subscription.get(), 5000), "read the stream's tail");
      const nats::Message message(raw);
      const char* status = nullptr;
      if (natsMsgHeader_Get(raw, "Status", &status) == NATS_OK && natsMsg_GetReply(raw) == nullptr) {
        const std::string_view code = status;
        if (code == "100") continue;
        // 404 and 408: nothing more now, which is the end of the tail.
        done = code == "404" || code == "408";
        if (!done) throw Unavailable("read the stream's tail: status " + std::string(code));
        break;
      }
      ++received;
      const Origin origin = origin_of(natsMsg_GetReply(raw) ? natsMsg_GetReply(raw) : "");
      const std::string_view id = header(raw, "Nats-Msg-Id"), pk = header(raw, "Fraiseql-Pk");
      if (id.size() == 36 && header(raw, "Fraiseql-Source") == source) {
        Key key{};
        std::memcpy(key.id.data(), id.data(), key.id.size());
        std::from_chars(pk.data(), pk.data() + pk.size(), key.pk);
        ids_.emplace(key, origin.seq);
      }
      if (origin.pending == 0) {
        done = true;
        break;
      }
    }
  }
  link.api("CONSUMER.DELETE." + stream + "." + name);
}

std::uint64_t Tail::find(std::string_view id, std::int64_t pk) const {
  if (ids_.empty() || id.size() != 36) return 0;
  Key key{};
  std::memcpy(key.id.data(), id.data(), key.id.size());
  key.pk = pk;
  const auto found = ids_.find(key);
  return found == ids_.end() ? 0 : found->second;
}

}  // namespace fraiseql
