#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <vector>

#include "cli/server_view.hpp"
#include "cli/terminal.hpp"
#include "common/status_names.hpp"

namespace fraiseql {
namespace {

struct Finding {
  bool down;
  std::string code, text, command;
};

/// What the servers alone give away. Whether anything moves, only time and healthd can tell.
std::vector<Finding> findings_of(const ServerView& view) {
  std::vector<Finding> all;
  const auto add = [&](bool down, std::string code, std::string text, std::string command) {
    all.push_back({down, std::move(code), std::move(text), std::move(command)});
  };
  if (!view.no_postgres.empty()) add(true, std::string(problem::postgres_unreachable), "PostgreSQL cannot be asked: " + view.no_postgres, "fraiseql check");
  if (view.reader) {
    const ReaderView& reader = *view.reader;
    const bool bridge = view.transport == "nats";
    if (!reader.schema) add(true, std::string(problem::schema), "the database has no change log and checkpoints", "fraiseql migrate");
    else if (!reader.led)
      add(true, bridge ? "no_leader" : "no_executor",
          bridge ? "no bridge leads, so nothing is published" : "no executor reads the change log, so no action runs", "fraiseql run");
  }
  if (!view.no_nats.empty()) add(true, std::string(problem::jetstream_unreachable), "NATS cannot be asked: " + view.no_nats, "fraiseql check");
  else if (view.asked_nats && !view.stream)
    add(true, std::string(problem::no_stream), "stream " + view.stream_name + " does not exist; the bridge makes it", "fraiseql run");
  else if (view.asked_nats && !view.consumer)
    add(true, "no_executor", "consumer " + view.consumer_name + " does not exist; the first executor makes it", "fraiseql run");
  else if (view.consumer && view.consumer->waiting > 0 && view.consumer->pulls == 0 && view.consumer->unacknowledged == 0)
    add(true, "no_executor", "events wait and no executor asks for them", "fraiseql run");
  add(false, "healthd_away", "healthd does not answer (" + view.no_healthd + "), so the processes cannot be seen, nor whether events move", "fraiseql run");
  return all;
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& json, const char* name, const std::string& value) {
  json.Key(name);
  json.String(as_utf8(value));
}

void number(Writer& json, const char* name, std::uint64_t value) {
  json.Key(name);
  json.Uint64(value);
}

void seconds(Writer& json, const char* name, double value) {
  json.Key(name);
  json.Double(std::round(value * 10) / 10);
}

void write_reader(Writer& json, const ServerView& view) {
  json.Key("checkpoint");
  if (!view.reader || !view.reader->schema) {
    json.Null();
    return;
  }
  const ReaderView& reader = *view.reader;
  json.StartObject();
  text(json, "reader", view.reader_name);
  json.Key("known");
  json.Bool(reader.known);
  json.Key("published_pk");
  json.Int64(reader.cursor);
  seconds(json, "saved_seconds_ago", reader.saved_seconds_ago);
  json.Key("led");
  json.Bool(reader.led);
  text(json, "led_by", reader.led_by);
  json.EndObject();
}

void write_stream(Writer& json, const ServerView& view) {
  json.Key("stream");
  if (!view.stream) {
    json.Null();
  } else {
    json.StartObject();
    text(json, "name", view.stream_name);
    number(json, "messages", view.stream->messages);
    number(json, "bytes", view.stream->bytes);
    number(json, "first_seq", view.stream->first_seq);
    number(json, "last_seq", view.stream->last_seq);
    json.EndObject();
  }
  json.Key("consumer");
  if (!view.consumer) {
    json.Null();
  } else {
    json.StartObject();
    text(json, "name", view.consumer_name);
    number(json, "waiting", view.consumer->waiting);
    number(json, "unacknowledged", view.consumer->unacknowledged);
    number(json, "redelivered", view.consumer->redelivered);
    number(json, "pulls", view.consumer->pulls);
    json.EndObject();
  }
}

}  // namespace

std::string json_of(const ServerView& view) {
  const std::vector<Finding> findings = findings_of(view);
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  text(json, "status", findings.front().down ? "down" : "degraded");  // what is down stands first
  json.Key("databases");
  json.StartObject();
  json.Key("primary");
  json.StartObject();
  text(json, "status", !view.asked_postgres ? "unknown" : view.reader ? "ok" : "down");
  json.EndObject();
  json.EndObject();
  json.Key("observers");
  json.StartObject();
  text(json, "transport", view.transport);
  json.Key("connected");
  json.Bool(view.transport == "nats" ? view.no_nats.empty() : view.reader.has_value());
  if (view.transport == "nats") text(json, "stream", view.stream_name);
  json.EndObject();
  json.Key("healthd");
  json.Null();
  json.Key("reasons");
  json.StartArray();
  for (const Finding& one : findings) {
    json.StartObject();
    text(json, "level", one.down ? "down" : "degraded");
    text(json, "code", one.code);
    text(json, "text", one.text);
    text(json, "command", one.command);
    json.EndObject();
  }
  json.EndArray();
  json.Key("lag");
  json.StartObject();
  json.Key("events");
  const bool reads = view.reader && view.reader->schema;
  if (reads) json.Int64(view.reader->waiting.events);
  else json.Null();
  json.Key("seconds");
  if (reads) json.Double(std::round(view.reader->waiting.seconds * 10) / 10);
  else json.Null();
  json.EndObject();
  json.Key("backlog");
  if (view.consumer) json.Uint64(view.consumer->waiting + view.consumer->unacknowledged);
  else json.Null();
  json.Key("dead_letters");
  json.StartObject();
  json.Key("kept");
  if (view.letters) json.Uint64(*view.letters);
  else json.Null();
  json.EndObject();
  write_reader(json, view);
  write_stream(json, view);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace fraiseql
