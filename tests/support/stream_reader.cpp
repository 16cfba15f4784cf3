#include "tests/support/stream_reader.hpp"

#include <openssl/evp.h>
#include <rapidjson/document.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>

namespace fraiseql::test {
namespace {

std::string decoded(const rapidjson::Value& message, const char* name) {
  if (!message.HasMember(name)) return {};
  const std::string text = message[name].GetString();
  std::string bytes(text.size(), '\0');
  int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  for (std::size_t i = text.size(); i > 0 && text[i - 1] == '='; --i) --size;  // OpenSSL counts the padding
  bytes.resize(static_cast<std::size_t>(std::max(0, size)));
  return bytes;
}

std::uint64_t state(const std::string& json, const char* name) {
  rapidjson::Document answer;
  answer.Parse(json.data(), json.size());
  return answer.HasParseError() || !answer.IsObject() || !answer.HasMember("state") ? 0 : answer["state"][name].GetUint64();
}

std::string header(natsMsg* message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(message, name, &value) == NATS_OK ? value : "";
}

}  // namespace

NatsConfig nats_settings(const std::string& url) {
  NatsConfig config{};
  config.url = url;
  config.stream_name = "fraiseql_events";
  config.subject_prefix = "fraiseql.mutation";
  config.consumer_name = "fraiseql_observer_worker";
  config.dlq_subject_prefix = "fraiseql.dlq";
  config.duplicate_window = std::chrono::minutes(5);
  config.max_age = std::chrono::hours(24 * 7);
  config.max_msgs = 10'000'000;
  config.max_bytes = 10'737'418'240;
  config.ack_wait = std::chrono::seconds(30);
  config.max_deliver = 3;
  config.replicas = 1;
  config.manage = true;
  return config;
}

StreamReader::StreamReader(const std::string& url) : link_(nats_settings(url), nats::Link::Reconnect::always, "test reader") {}

std::string StreamReader::info(const std::string& stream) const { return link_.api("STREAM.INFO." + stream).json; }
std::uint64_t StreamReader::count(const std::string& stream) const { return state(info(stream), "messages"); }

StreamMessage StreamReader::at(const std::string& stream, std::uint64_t seq) const {
  const nats::ApiAnswer answer = link_.api("STREAM.MSG.GET." + stream, "{\"seq\":" + std::to_string(seq) + "}");
  if (answer.failed()) throw std::runtime_error("STREAM.MSG.GET: " + answer.description);
  rapidjson::Document document;
  document.Parse(answer.json.data(), answer.json.size());
  const auto& message = document["message"];
  StreamMessage found;
  found.seq = message["seq"].GetUint64();
  found.subject = message["subject"].GetString();
  found.headers = decoded(message, "hdrs");
  found.payload = decoded(message, "data");
  return found;
}

std::vector<StreamMessage> StreamReader::all(const std::string& stream) const {
  std::vector<StreamMessage> messages;
  const std::uint64_t wanted = count(stream);
  if (wanted == 0) return messages;
  const auto inbox = nats::make<nats::Inbox>("inbox", natsInbox_Create);
  const auto subscription = nats::make<nats::Subscription>("subscribe", natsConnection_SubscribeSync, link_.get(), inbox.get());
  natsSubscription_SetPendingLimits(subscription.get(), -1, -1);
  const nats::ApiAnswer made = link_.api("CONSUMER.CREATE." + stream, R"({"stream_name":")" + stream + R"(","config":{"deliver_subject":")" +
                                                                          inbox.get() + R"(","deliver_policy":"all","ack_policy":"none","replay_policy":"instant"}})");
  if (made.failed()) throw std::runtime_error("CONSUMER.CREATE: " + made.description);
  while (messages.size() < wanted) {
    natsMsg* raw = nullptr;
    nats::check(natsSubscription_NextMsg(&raw, subscription.get(), 10'000), "read the stream");
    const nats::Message message(raw);
    StreamMessage& read = messages.emplace_back();
    read.subject = natsMsg_GetSubject(raw);
    read.payload = nats::data(raw);
    read.id = header(raw, "Nats-Msg-Id");
    read.pk = std::atoll(header(raw, "Fraiseql-Pk").c_str());
    // $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>...; two tokens more in front on some servers
    const std::string reply = natsMsg_GetReply(raw);
    std::vector<std::size_t> dots;
    for (std::size_t i = 0; i < reply.size(); ++i)
      if (reply[i] == '.') dots.push_back(i);
    read.seq = std::strtoull(reply.c_str() + dots.at(dots.size() >= 10 ? 6 : 4) + 1, nullptr, 10);
  }
  return messages;
}

}  // namespace fraiseql::test
