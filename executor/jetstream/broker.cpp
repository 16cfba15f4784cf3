#include "executor/jetstream/broker.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdlib>

#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/nats/server_time.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql {
namespace {

using nats::ApiAnswer;
using nats::json_quoted;
using rapidjson::Document;
using rapidjson::Value;

constexpr int consumer_not_found = 10014;
constexpr int stream_not_found = 10059;
constexpr int message_not_found = 10037;

std::string ns(std::chrono::milliseconds time) { return std::to_string(std::chrono::nanoseconds(time).count()); }

Document parse(const std::string& json) {
  Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) throw Unavailable("JetStream sent what is not a JSON object");
  return document;
}

const Value* find(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

std::uint64_t number(const Value* object, const char* name) {
  const Value* value = object ? find(*object, name) : nullptr;
  return value && value->IsUint64() ? value->GetUint64() : 0;
}

std::string text(const Value& object, const char* name) {
  const Value* value = find(object, name);
  return value && value->IsString() ? value->GetString() : std::string();
}

std::string text_of(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

[[noreturn]] void refuse(const std::string& doing, const ApiAnswer& answer) {
  throw Unavailable(doing + ": " + answer.description + " (" + std::to_string(answer.err_code) + ")");
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<nats::Member> bucket_stream(const NatsConfig& config) {
  using enum nats::Member::Change;
  return {{"subjects", "[" + json_quoted("$KV." + Broker::bucket(config) + ".>") + "]", fixed},
          {"retention", "\"limits\"", fixed},
          {"storage", "\"file\"", fixed},
          {"discard", "\"new\"", free},
          {"max_age", "86400000000000", free},
          {"max_msgs_per_subject", "1", free},
          {"duplicate_window", "120000000000", free},
          {"allow_rollup_hdrs", "true", free},
          {"deny_delete", "true", fixed},
          {"allow_direct", "true", free},
          {"num_replicas", std::to_string(config.replicas), free}};
}

// Each consumer of the stream that ours is on takes its own advisories, and those it has taken go.
std::vector<nats::Member> advisory_stream(const NatsConfig& config) {
  using enum nats::Member::Change;
  return {{"subjects", "[" + json_quoted("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." + config.stream_name + ".*") + "]", fixed},
          {"retention", "\"workqueue\"", fixed},
          {"storage", "\"file\"", fixed},
          {"discard", "\"old\"", free},
          {"max_age", ns(config.max_age), free},
          {"num_replicas", std::to_string(config.replicas), free}};
}

}  // namespace

bool same_consumer(const std::string& created, const std::string& now) {
  constexpr std::int64_t storing_takes_ns = 100'000'000;
  return created == now || std::abs(nats::unix_ns(created) - nats::unix_ns(now)) < storing_takes_ns;
}

Broker::Broker(const nats::Link& link, const NatsConfig& config) : link_(link), config_(config) {}

std::vector<std::string> Broker::ensure_own() {
  std::vector<std::string> drift;
  const auto ensure = [&](const std::string& name, const std::vector<nats::Member>& wanted) {
    const auto there = nats::ensure_stream(link_, name, wanted, config_.manage);
    drift.insert(drift.end(), there.drift.begin(), there.drift.end());
  };
  drift = nats::ensure_dlq_stream(link_, config_).drift;
  ensure("KV_" + bucket(config_), bucket_stream(config_));
  ensure(advisories_stream(config_), advisory_stream(config_));
  const std::string& name = config_.consumer_name;
  if (info(advisories_stream(config_), name)) return drift;
  if (!config_.manage)
    throw Unavailable("consumer " + name + " of " + advisories_stream(config_) +
                      " does not exist, and manage = false forbids to create it");
  // One at a time, and for one executor only: whoever has it tries that message alone.
  const ApiAnswer answer = link_.api(
      "CONSUMER.DURABLE.CREATE." + advisories_stream(config_) + "." + name,
      "{\"stream_name\":" + json_quoted(advisories_stream(config_)) + ",\"config\":{\"durable_name\":" + json_quoted(name) +
          ",\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"replay_policy\":\"instant\",\"max_deliver\":-1,\"max_ack_"
          "pending\":1,\"ack_wait\":" +
          ns(config_.ack_wait) + ",\"filter_subject\":" +
          json_quoted("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." + config_.stream_name + "." + name) + "}}");
  if (answer.failed() && !info(advisories_stream(config_), name))
    refuse("create consumer " + name + " of " + advisories_stream(config_), answer);
  return drift;
}

std::optional<ConsumerState> Broker::info(const std::string& stream, const std::string& consumer, std::string* config_json) {
  const ApiAnswer answer = link_.api("CONSUMER.INFO." + stream + "." + consumer);
  if (answer.err_code == consumer_not_found || answer.err_code == stream_not_found) return std::nullopt;
  if (answer.failed()) refuse("look at consumer " + consumer, answer);
  const Document document = parse(answer.json);
  ConsumerState state;
  state.created = text(document, "created");
  state.pending = number(&document, "num_pending");
  state.ack_pending = number(&document, "num_ack_pending");
  state.ack_floor = number(find(document, "ack_floor"), "stream_seq");
  const Value* config = find(document, "config");
  state.ack_wait = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(number(config, "ack_wait")));
  if (config && config_json) *config_json = text_of(*config);
  return state;
}

std::optional<ConsumerState> Broker::ensure_consumer() {
  const auto stream = nats::stream_info(link_, config_.stream_name);
  if (!stream) return std::nullopt;
  std::string config_json;
  auto state = info(config_.stream_name, config_.consumer_name, &config_json);
  if (!state) {
    if (!config_.manage)
      throw Unavailable("consumer " + config_.consumer_name + " does not exist, and manage = false forbids to create it");
    create_consumer(stream->created, stream->last_seq);
    state = info(config_.stream_name, config_.consumer_name, &config_json);
    if (!state) throw Unavailable("consumer " + config_.consumer_name + " was created and is gone again");
  }
  const auto drift = reconcile(config_json);
  // Again, for an update may have changed what is in force.
  state = info(config_.stream_name, config_.consumer_name);
  if (!state) throw Unavailable("consumer " + config_.consumer_name + " is gone again");
  state->drift = drift;
  state->stream_empty = stream->messages == 0;
  Floor highest{state->ack_floor, stream->created, state->created, now_ns()};
  // Only of this very consumer: who makes it anew from the beginning wants to see everything again.
  const auto consider = [&](const Floor& known) {
    if (known.seq > highest.seq && !known.consumer_created.empty() && same_consumer(known.consumer_created, state->created))
      highest.seq = known.seq;
  };
  consider(floor_);
  if (const auto kept = kept_floor()) consider(*kept);
  // kill -9 of a server loses the last acknowledgements, and one of 2.9 may lose them all: it empties the file with the
  // consumer's state before it writes it.
  if (highest.seq > state->ack_floor)
    log::warn("the server has forgotten acknowledgements; what is known to be settled is not acted on again",
              {{"consumer", config_.consumer_name}, {"floor", state->ack_floor}, {"known", highest.seq}});
  floor_ = highest;
  saved_ = 0;
  state->settled_up_to = floor_.seq;
  return state;
}

std::optional<Floor> Broker::kept_floor() {
  const auto kept = bucket_get("floor");
  if (!kept) return std::nullopt;
  const Document document = parse(kept->payload);
  return Floor{number(&document, "seq"), text(document, "stream_created"), text(document, "consumer_created"), kept->stored_at_ns};
}

void Broker::create_consumer(const std::string& stream_created, std::uint64_t last_seq) {
  std::uint64_t floor = holds(floor_, stream_created, last_seq) ? floor_.seq : 0;
  if (const auto kept = kept_floor(); kept && kept->seq > floor && holds(*kept, stream_created, last_seq)) floor = kept->seq;
  const std::string from = floor > 0 ? "\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":" + std::to_string(floor + 1)
                                     : std::string("\"deliver_policy\":\"all\"");
  const ApiAnswer answer =
      link_.api("CONSUMER.DURABLE.CREATE." + config_.stream_name + "." + config_.consumer_name,
                "{\"stream_name\":" + json_quoted(config_.stream_name) +
                    ",\"config\":{\"durable_name\":" + json_quoted(config_.consumer_name) + "," + from +
                    ",\"ack_policy\":\"explicit\",\"replay_policy\":\"instant\",\"ack_wait\":" + ns(config_.ack_wait) +
                    ",\"max_deliver\":" + std::to_string(config_.max_deliver) +
                    ",\"max_ack_pending\":-1,\"filter_subject\":" + json_quoted(config_.subject_prefix + ".>") + "}}");
  if (!answer.failed()) return log::info("consumer created", {{"consumer", config_.consumer_name}, {"from", floor + 1}});
  // Another executor may have been quicker, from a floor of its own.
  if (!info(config_.stream_name, config_.consumer_name)) refuse("create consumer " + config_.consumer_name, answer);
}

// Whether a floor means something in the stream of today. `created` alone does not tell: on older servers it changes on a
// restart after an update. What stands at the floor was stored before the floor was seen, or it is another stream.
bool Broker::holds(const Floor& floor, const std::string& stream_created, std::uint64_t last_seq) {
  if (floor.seq == 0 || floor.seq > last_seq) return false;
  if (floor.stream_created == stream_created) return true;
  const auto message = fetch(floor.seq);
  return message && message->stored_at_ns <= floor.seen_at_ns;
}

std::vector<std::string> Broker::reconcile(const std::string& config_json) {
  Document config = parse(config_json);
  if (!text(config, "deliver_subject").empty())
    throw ConfigError("consumer " + config_.consumer_name +
                      " is a push consumer; delete it, or choose another transport.nats.consumer_name");
  if (text(config, "ack_policy") != "explicit")
    throw ConfigError("consumer " + config_.consumer_name + " has ack policy " + text(config, "ack_policy") +
                      ", executors need explicit; delete it, or choose another transport.nats.consumer_name");
  const std::pair<const char*, std::string> wanted[] = {{"ack_wait", ns(config_.ack_wait)},
                                                        {"max_deliver", std::to_string(config_.max_deliver)},
                                                        {"max_ack_pending", "-1"},
                                                        {"filter_subject", json_quoted(config_.subject_prefix + ".>")}};
  std::vector<std::string> differences;
  for (const auto& [name, json] : wanted) {
    Document value;
    value.Parse(json.c_str());
    const Value* is = find(config, name);
    if (is && *is == value) continue;
    differences.push_back("consumer " + config_.consumer_name + ": " + name + " is " + (is ? text_of(*is) : "absent") +
                          ", configured " + json);
    Value copy(value, config.GetAllocator());
    if (is)
      config[name] = copy;
    else
      config.AddMember(rapidjson::StringRef(name), copy, config.GetAllocator());
  }
  if (differences.empty()) return {};
  if (config_.manage) {
    const ApiAnswer answer =
        link_.api("CONSUMER.DURABLE.CREATE." + config_.stream_name + "." + config_.consumer_name,
                  "{\"stream_name\":" + json_quoted(config_.stream_name) + ",\"config\":" + text_of(config) + "}");
    if (!answer.failed()) {
      for (const auto& difference : differences) log::info("consumer changed", {{"what", difference}});
      return {};
    }
    for (auto& difference : differences) difference += ": " + answer.description;
  }
  for (const auto& difference : differences) log::error("consumer differs from the configuration", {{"what", difference}});
  return differences;
}

std::optional<ConsumerState> Broker::look() {
  auto state = info(config_.stream_name, config_.consumer_name);
  if (!state) return state;
  if (!same_consumer(floor_.consumer_created, state->created) || state->ack_floor >= floor_.seq)
    floor_ = {state->ack_floor, floor_.stream_created, state->created, now_ns()};
  state->settled_up_to = floor_.seq;
  return state;
}

std::uint64_t Broker::dead_letters() {
  const auto stream = nats::stream_info(link_, letters_stream(config_));
  return stream ? stream->messages : 0;
}

void Broker::save_floor() {
  if (floor_.seq == saved_) return;
  bucket_put("floor", "{\"seq\":" + std::to_string(floor_.seq) + ",\"stream_created\":" + json_quoted(floor_.stream_created) +
                          ",\"consumer_created\":" + json_quoted(floor_.consumer_created) + "}");
  saved_ = floor_.seq;
}

std::optional<StoredMessage> Broker::fetch(std::uint64_t stream_seq) {
  const ApiAnswer answer = link_.api("STREAM.MSG.GET." + config_.stream_name, "{\"seq\":" + std::to_string(stream_seq) + "}");
  if (answer.err_code == message_not_found || answer.err_code == stream_not_found) return std::nullopt;
  if (answer.failed()) refuse("fetch message " + std::to_string(stream_seq), answer);
  auto message = parse_stored_message(answer.json);
  if (!message) throw Unavailable("fetch message " + std::to_string(stream_seq) + ": " + message.error().what);
  return std::move(message).value();
}

std::optional<StoredMessage> Broker::bucket_get(const std::string& key) {
  // 2.9 dies when it is asked for a message of a stream that another executor is just having made (a nil pointer in its
  // jsMsgGetRequest). STREAM.INFO waits until the stream is there, and an empty one has nothing to be asked for.
  const auto there = nats::stream_info(link_, "KV_" + bucket(config_));
  if (!there || there->messages == 0) return std::nullopt;
  const ApiAnswer answer = link_.api("STREAM.MSG.GET.KV_" + bucket(config_),
                                     "{\"last_by_subj\":" + json_quoted("$KV." + bucket(config_) + "." + key) + "}");
  if (answer.err_code == message_not_found || answer.err_code == stream_not_found) return std::nullopt;
  if (answer.failed()) refuse("read " + key + " of bucket " + bucket(config_), answer);
  auto message = parse_stored_message(answer.json);
  if (!message || !message.value().header("KV-Operation").empty()) return std::nullopt;
  return std::move(message).value();
}

void Broker::bucket_put(const std::string& key, const std::string& value) {
  publish("$KV." + bucket(config_) + "." + key, {}, value);
}

void Broker::bucket_delete(const std::string& key) {
  publish("$KV." + bucket(config_) + "." + key, {{"KV-Operation", "PURGE"}, {"Nats-Rollup", "sub"}}, "");
}

void Broker::publish(const std::string& subject, const Headers& headers, const std::string& value) {
  natsMsg* raw = nullptr;
  nats::check(natsMsg_Create(&raw, subject.c_str(), nullptr, value.data(), static_cast<int>(value.size())), "make a message");
  const nats::Message message(raw);
  for (const auto& [name, text_] : headers) nats::check(natsMsgHeader_Add(raw, name.c_str(), text_.c_str()), "add a header");
  natsMsg* answer_raw = nullptr;
  const natsStatus status = natsConnection_RequestMsg(&answer_raw, link_.get(), raw, 5000);
  const nats::Message answer(answer_raw);
  nats::check(status, "write " + subject);
  const Stored stored = parse_stored(nats::data(answer.get()));
  if (stored.code != 0 || stored.seq == 0) throw Unavailable("write " + subject + ": " + stored.description);
}

std::vector<std::string> Broker::complaints() {
  std::vector<std::string> found;
  const auto stream = nats::stream_info(link_, config_.stream_name);
  if (!stream) found.push_back("stream " + config_.stream_name + " does not exist; the bridge makes it");
  const std::string made_by_us = config_.manage ? std::string() : " and manage = false forbids to create it";
  std::string config_json;
  const auto state = stream ? info(config_.stream_name, config_.consumer_name, &config_json) : std::nullopt;
  if (stream && !state && !made_by_us.empty())
    found.push_back("consumer " + config_.consumer_name + " does not exist," + made_by_us);
  for (const auto& [name, wanted] :
       {std::pair{letters_stream(config_), nats::dlq_stream(config_)}, std::pair{"KV_" + bucket(config_), bucket_stream(config_)},
        std::pair{advisories_stream(config_), advisory_stream(config_)}}) {
    const auto present = nats::stream_info(link_, name);
    if (!present) {
      if (!made_by_us.empty()) found.push_back("stream " + name + " does not exist," + made_by_us);
      continue;
    }
    if (name == letters_stream(config_))
      if (const auto refused = nats::dlq_cap_refused(*present, config_)) found.push_back(*refused);
    if (config_.manage) continue;  // the executor would mend it
    const auto there = nats::ensure_stream(link_, name, wanted, false);
    found.insert(found.end(), there.drift.begin(), there.drift.end());
  }
  return found;
}

}  // namespace fraiseql
