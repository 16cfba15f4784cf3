#include "common/nats/scan.hpp"

#include <rapidjson/document.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <vector>

#include "common/errors.hpp"
#include "common/nats/handles.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql::nats {
namespace {

template <class Number>
Number number(std::string_view text) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, or with two tokens more in front of
// the stream.
struct Origin {
  std::uint64_t seq = 0, pending = 0;
  std::int64_t stored_at_ns = 0;
};
Origin origin_of(std::string_view reply) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    const std::size_t at = reply.find('.', from);
    parts.push_back(reply.substr(from, at - from));
    if (at == reply.npos) break;
    from = at + 1;
  }
  if (parts.size() < 9) return {};
  const std::size_t shift = parts.size() >= 11 ? 2 : 0;
  return {number<std::uint64_t>(parts[5 + shift]), number<std::uint64_t>(parts[8 + shift]),
          number<std::int64_t>(parts[7 + shift])};
}

// Gone with the object, or five minutes later when that cannot be told to the server.
struct Consumer {
  const Link& link;
  std::string path;
  ~Consumer() {
    try {
      link.api("CONSUMER.DELETE." + path);
    } catch (const Unavailable&) {
      // It ends by itself.
    }
  }
};

// num_pending in the answer to CONSUMER.CREATE; 1 when it is not told.
std::uint64_t pending_of(const std::string& json) {
  rapidjson::Document answer;
  answer.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (answer.HasParseError() || !answer.IsObject()) return 1;
  const auto pending = answer.FindMember("num_pending");
  return pending != answer.MemberEnd() && pending->value.IsUint64() ? pending->value.GetUint64() : 1;
}

}  // namespace

std::string_view Scanned::header(const char* name) const {
  const char* value = nullptr;
  return natsMsgHeader_Get(raw, name, &value) == NATS_OK && value ? std::string_view(value) : std::string_view();
}

void scan(const Link& link, const std::string& stream, const ScanRange& range, const std::function<bool(const Scanned&)>& visit) {
  const std::string name = "fraiseql_scan_" + std::to_string(getpid()) + "_" +
                           std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
  const std::string from = !range.from_time.empty()
                               ? R"("by_start_time","opt_start_time":)" + json_quoted(range.from_time)
                               : R"("by_start_sequence","opt_start_seq":)" + std::to_string(range.after_seq + 1);
  const std::string filter = range.subject.empty() ? "" : ",\"filter_subject\":" + json_quoted(range.subject);
  const ApiAnswer made =
      link.api("CONSUMER.CREATE." + stream + "." + name + (range.subject.empty() ? "" : "." + range.subject),
               R"({"stream_name":)" + json_quoted(stream) + R"(,"config":{"name":)" + json_quoted(name) +
                   R"(,"deliver_policy":)" + from + filter +
                   R"(,"ack_policy":"none","replay_policy":"instant","headers_only":true,"mem_storage":true,"num_replicas":1,)"
                   R"("inactive_threshold":300000000000}})");
  if (made.failed() && made.code == 400 && !range.from_time.empty())
    throw ConfigError(range.from_time + ": the server reads no time in it: " + made.description);
  if (made.failed()) throw Unavailable("read stream " + stream + ": " + made.description);
  const Consumer owned{link, stream + "." + name};
  if (pending_of(made.json) == 0) return;

  const auto inbox = make<Inbox>("make an inbox", natsInbox_Create);
  const auto subscription = make<Subscription>("subscribe", natsConnection_SubscribeSync, link.get(), inbox.get());
  const std::string next = "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + name;
  const std::string pull = R"({"batch":)" + std::to_string(range.batch) + R"(,"no_wait":true})";
  const std::string doing = "read stream " + stream;
  while (true) {
    check(natsConnection_PublishRequest(link.get(), next.c_str(), inbox.get(), pull.data(), static_cast<int>(pull.size())),
          doing);
    for (int received = 0; received < range.batch;) {
      natsMsg* raw = nullptr;
      check(natsSubscription_NextMsg(&raw, subscription.get(), 5000), doing);
      const Message message(raw);
      const char* status = nullptr;
      if (natsMsgHeader_Get(raw, "Status", &status) == NATS_OK && natsMsg_GetReply(raw) == nullptr) {
        const std::string_view code = status;
        if (code == "100") continue;
        if (code == "404" || code == "408") return;  // nothing more
        throw Unavailable(doing + ": status " + std::string(code));
      }
      ++received;
      const Origin origin = origin_of(natsMsg_GetReply(raw) ? natsMsg_GetReply(raw) : "");
      if (!visit({origin.seq, origin.stored_at_ns, natsMsg_GetSubject(raw), raw}) || origin.pending == 0) return;
    }
  }
}

}  // namespace fraiseql::nats
