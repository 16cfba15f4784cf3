#include "common/nats/streams.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdlib>

#include "common/errors.hpp"
#include "common/log.hpp"

namespace fraiseql::nats {
namespace {

using rapidjson::Document;
using rapidjson::Value;

constexpr int stream_not_found = 10059;
constexpr int subjects_overlap = 10065;
constexpr int storage_exceeded = 10047;
constexpr int name_in_use = 10058;

Document parse(std::string_view json) {
  Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError()) throw Unavailable("JetStream sent what is not JSON");
  return document;
}

std::string text_of(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

const Value* find(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

template <class Number>
Number number(const Value& object, const char* name, Number otherwise) {
  const Value* value = find(object, name);
  if (!value) return otherwise;
  if (value->IsUint64()) return static_cast<Number>(value->GetUint64());
  if (value->IsInt64()) return static_cast<Number>(value->GetInt64());
  return otherwise;
}

// The level that the server wrote into the stream's metadata; without it the members that it answers with.
Level level_of(const Value& config) {
  if (const Value* metadata = find(config, "metadata"))
    if (const Value* level = find(*metadata, "_nats.level"); level && level->IsString()) {
      const int known = std::atoi(level->GetString());
      if (known >= 5) return Level::v2_15;
      if (known == 4) return Level::v2_14;
      if (known >= 2) return Level::v2_12;
      if (known == 1) return Level::v2_11;
    }
  return find(config, "compression") ? Level::v2_10 : Level::v2_9;
}

StreamInfo info_of(const std::string& json) {
  const Document answer = parse(json);
  const Value* config = find(answer, "config");
  const Value* state = find(answer, "state");
  if (!config || !state) throw Unavailable("STREAM.INFO: an answer without config or state");
  StreamInfo info;
  info.config_json = text_of(*config);
  info.level = level_of(*config);
  info.first_seq = number<std::uint64_t>(*state, "first_seq", 0);
  info.last_seq = number<std::uint64_t>(*state, "last_seq", 0);
  info.messages = number<std::uint64_t>(*state, "messages", 0);
  info.bytes = number<std::uint64_t>(*state, "bytes", 0);
  info.max_msg_size = number<std::int64_t>(*config, "max_msg_size", -1);
  info.duplicate_window_ns = number<std::int64_t>(*config, "duplicate_window", 0);
  info.max_msgs = number<std::int64_t>(*config, "max_msgs", -1);
  info.max_bytes = number<std::int64_t>(*config, "max_bytes", -1);
  if (const Value* created = find(answer, "created"); created && created->IsString()) info.created = created->GetString();
  return info;
}

bool smaller(const Value& wanted, const Value& present) {
  if (!wanted.IsInt64() || !present.IsInt64()) return true;
  const bool wanted_unlimited = wanted.GetInt64() < 1, present_unlimited = present.GetInt64() < 1;
  if (wanted_unlimited) return false;
  return present_unlimited || wanted.GetInt64() < present.GetInt64();
}

// Servers leave out members that have their zero value.
bool same(const Value* present, const Value& wanted) {
  if (!present) return (wanted.IsInt64() && wanted.GetInt64() == 0) || (wanted.IsBool() && !wanted.GetBool());
  return *present == wanted;
}

std::string owner_of(const Link& link, const std::string& subject) {
  const ApiAnswer answer = link.api("STREAM.NAMES", "{\"subject\":" + json_quoted(subject) + "}");
  if (answer.failed()) return "another stream";
  const Document document = parse(answer.json);
  const Value* streams = find(document, "streams");
  if (!streams || !streams->IsArray() || streams->Empty() || !(*streams)[0].IsString()) return "another stream";
  return std::string("stream ") + (*streams)[0].GetString();
}

[[noreturn]] void refuse(const Link& link, const ApiAnswer& answer, const std::string& doing, const std::string& name,
                         const std::vector<Member>& wanted, const std::string& storage_hint) {
  if (answer.err_code == subjects_overlap) {
    std::string subject;
    for (const Member& member : wanted)
      if (member.name == "subjects") {
        const Document subjects = parse(member.json);
        if (subjects.IsArray() && !subjects.Empty() && subjects[0].IsString()) subject = subjects[0].GetString();
      }
    throw ConfigError("stream " + name + ": subjects " + subject + " belong to " + owner_of(link, subject) +
                      " already; choose another subject prefix or stream name");
  }
  if (answer.err_code == storage_exceeded)
    throw ConfigError("stream " + name + ": " + answer.description + (storage_hint.empty() ? "" : "; " + storage_hint));
  if (answer.code == 400 || answer.err_code == name_in_use)
    throw ConfigError(doing + " stream " + name + ": " + answer.description + " (" + std::to_string(answer.err_code) + ")");
  throw Unavailable(doing + " stream " + name + ": " + answer.description + " (" + std::to_string(answer.err_code) + ")");
}

StreamInfo create(const Link& link, const std::string& name, const std::vector<Member>& wanted, const std::string& storage_hint) {
  std::string json = "{\"name\":" + json_quoted(name);
  for (const Member& member : wanted) json += ",\"" + member.name + "\":" + member.json;
  json += "}";
  const ApiAnswer answer = link.api("STREAM.CREATE." + name, json);
  if (answer.failed()) refuse(link, answer, "create", name, wanted, storage_hint);
  log::info("stream created", {{"stream", name}});
  return info_of(answer.json);
}

}  // namespace

std::string json_quoted(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

std::optional<StreamInfo> stream_info(const Link& link, const std::string& name) {
  const ApiAnswer answer = link.api("STREAM.INFO." + name);
  if (answer.err_code == stream_not_found) return std::nullopt;
  if (answer.failed()) throw Unavailable("STREAM.INFO." + name + ": " + answer.description);
  return info_of(answer.json);
}

StreamInfo ensure_stream(const Link& link, const std::string& name, const std::vector<Member>& wanted, bool manage,
                         const std::string& storage_hint) {
  std::optional<StreamInfo> present = stream_info(link, name);
  if (!present) {
    if (!manage) throw Unavailable("stream " + name + " does not exist, and manage = false forbids to create it");
    present = create(link, name, wanted, storage_hint);
  }
  std::vector<std::string> drift;
  Document config = parse(present->config_json);
  bool differs = false;
  for (const Member& member : wanted) {
    const Document value = parse(member.json);
    const Value* is = find(config, member.name.c_str());
    if (same(is, value)) continue;
    const std::string sides = "stream " + name + ": " + member.name + " is " + (is ? text_of(*is) : "absent") + ", configured " + member.json;
    if (!manage || member.change == Member::Change::fixed || (member.change == Member::Change::grow && is && smaller(value, *is))) {
      drift.push_back(sides + (manage ? ": not applied, for it would lose data" : ": not applied, manage = false"));
      continue;
    }
    Value copy(value, config.GetAllocator());
    if (is) config[member.name.c_str()] = copy;
    else config.AddMember(Value(member.name, config.GetAllocator()), copy, config.GetAllocator());
    differs = true;
    log::info("stream changed", {{"what", sides}});
  }
  if (differs) {
    const ApiAnswer answer = link.api("STREAM.UPDATE." + name, text_of(config));
    if (answer.failed()) refuse(link, answer, "update", name, wanted, storage_hint);
    present = info_of(answer.json);
    const Document after = parse(present->config_json);
    for (const Member& member : wanted) {
      const Document value = parse(member.json);
      if (member.change != Member::Change::fixed && !same(find(after, member.name.c_str()), value) &&
          !same(find(config, member.name.c_str()), value) && drift.empty())
        drift.push_back("stream " + name + ": the server did not take " + member.name + " = " + member.json);
    }
  }
  for (const std::string& difference : drift) log::error("stream differs from the configuration", {{"what", difference}});
  present->drift = std::move(drift);
  return *present;
}

std::vector<Member> event_stream(const NatsConfig& config) {
  const auto ns = [](milliseconds value) { return std::to_string(std::chrono::nanoseconds(value).count()); };
  using enum Member::Change;
  return {{"subjects", "[" + json_quoted(config.subject_prefix + ".>") + "]", fixed},
          {"retention", "\"limits\"", fixed},
          {"storage", "\"file\"", fixed},
          {"discard", "\"old\"", free},
          {"max_age", ns(config.max_age), grow},
          {"max_msgs", std::to_string(config.max_msgs), grow},
          {"max_bytes", std::to_string(config.max_bytes), grow},
          {"duplicate_window", ns(config.duplicate_window), free},
          {"num_replicas", std::to_string(config.replicas), free}};
}

StreamInfo ensure_event_stream(const Link& link, const NatsConfig& config) {
  return ensure_stream(link, config.stream_name, event_stream(config), config.manage,
                       "transport.nats.jetstream.max_bytes = " + std::to_string(config.max_bytes) + ": lower it, or give the server more store");
}

std::vector<Member> dlq_stream(const NatsConfig& config) {
  using enum Member::Change;
  return {{"subjects", "[" + json_quoted(config.dlq_subject_prefix + ".>") + "]", fixed},
          {"retention", "\"limits\"", fixed},
          {"storage", "\"file\"", fixed},
          {"discard", "\"new\"", free},
          {"max_age", "0", free},
          {"max_msgs", std::to_string(config.max_dlq_size.value_or(-1)), free},
          {"duplicate_window", "86400000000000", free},
          {"num_replicas", std::to_string(config.replicas), free}};
}

std::optional<std::string> dlq_cap_refused(const StreamInfo& present, const NatsConfig& config) {
  const auto cap = config.max_dlq_size;
  if (!cap || present.max_msgs == *cap || present.messages <= static_cast<std::uint64_t>(*cap)) return std::nullopt;
  return "stream " + config.stream_name + "_dlq: observers.max_dlq_size = " + std::to_string(*cap) + " is not applied, for it holds " +
         std::to_string(present.messages) + " letters; its cap stays " +
         (present.max_msgs > 0 ? std::to_string(present.max_msgs) : std::string("unlimited")) +
         ": retry or remove letters (fraiseql dlq) and restart, or configure more";
}

// Told of a cap below what it holds, 2.9 throws the oldest away at once, although it discards new ones otherwise; 2.15 keeps them.
StreamInfo ensure_dlq_stream(const Link& link, const NatsConfig& config) {
  const std::string name = config.stream_name + "_dlq";
  std::vector<Member> wanted = dlq_stream(config);
  const auto present = stream_info(link, name);
  const auto refused = present ? dlq_cap_refused(*present, config) : std::nullopt;
  if (refused)
    for (Member& member : wanted)
      if (member.name == "max_msgs") member.json = std::to_string(present->max_msgs);
  StreamInfo info = ensure_stream(link, name, wanted, config.manage);
  if (refused) {
    log::error("stream differs from the configuration", {{"what", *refused}});
    info.drift.push_back(*refused);
  }
  return info;
}

}  // namespace fraiseql::nats
