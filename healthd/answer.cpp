#include "healthd/answer.hpp"

#include "common/status_names.hpp"
#include "healthd/answer_parts.hpp"
#include "healthd/next_command.hpp"

namespace fraiseql {

using namespace json;

const char* word(Level level) {
  switch (level) {
    case Level::ok: return "ok";
    case Level::degraded: return "degraded";
    case Level::down: break;
  }
  return "down";
}

namespace {

const char* word(Reach reach, const char* not_used, const char* unreachable) {
  switch (reach) {
    case Reach::ok: return "ok";
    case Reach::unreachable: return unreachable;
    case Reach::not_used: break;
  }
  return not_used;
}

void facts(Writer& json, const char* name, const std::map<std::string, std::string>& facts) {
  json.Key(name);
  json.StartObject();
  for (const auto& [key, value] : facts) text(json, key.c_str(), value);
  json.EndObject();
}

}  // namespace

double age(Board::Time then, Board::Time now) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now - then).count()) / 1000;
}

void write_head(Writer& json, const Verdict& verdict, const HealthConfig& config) {
  text(json, "status", word(verdict.level));
  json.Key("databases");
  json.StartObject();
  json.Key("primary");
  json.StartObject();
  text(json, "status", word(verdict.postgres, "unknown", "down"));
  json.EndObject();
  json.EndObject();
  json.Key("observers");
  json.StartObject();
  text(json, "transport", config.transport);
  json.Key("connected");
  json.Bool(verdict.connected);
  if (config.transport == "nats") text(json, "stream", config.stream_name);
  json.EndObject();
}

void write_reasons(Writer& json, const Verdict& verdict) {
  json.Key("reasons");
  json.StartArray();
  for (const Reason& reason : verdict.reasons) {
    json.StartObject();
    text(json, "level", word(reason.level));
    text(json, "code", reason.code);
    text(json, "text", reason.text);
    text(json, "command", next_command(reason.text));
    json.EndObject();
  }
  json.EndArray();
}

void write_waiting(Writer& json, const Board& board, Board::Time now) {
  json.Key("lag");
  json.StartObject();
  number_or_null(json, "events", board.newest_gauge(metric::lag_events, now));
  number_or_null(json, "seconds", board.newest_gauge(metric::lag_seconds, now));
  json.EndObject();
  number_or_null(json, "backlog", board.newest_gauge(metric::backlog_size, now));
}

void write_component(Writer& json, const Board::Entry& entry, bool up, Board::Time now) {
  const StatusReport& report = entry.report;
  text(json, "component", report.component);
  text(json, "instance", report.instance);
  text(json, "host", report.host);
  json.Key("pid");
  json.Int(report.pid);
  json.Key("started_at_ms");
  json.Int64(report.started_at_ms);
  json.Key("up");
  json.Bool(up);
  number_or_null(json, "heard_seconds_ago", age(entry.heard, now));
  text(json, "state", report.state);
  text(json, "postgres", word(report.postgres, "not_used", "unreachable"));
  text(json, "jetstream", word(report.jetstream, "not_used", "unreachable"));
  facts(json, "problems", report.problems);
  facts(json, "details", report.details);
}

void write_past(Writer& json, const Board& board, const Dropped& dropped, Board::Time now) {
  json.Key("past");
  json.StartArray();
  for (const Board::Past& past : board.past()) {
    json.StartObject();
    text(json, "component", past.component);
    text(json, "instance", past.instance);
    text(json, "why", past.why);
    number_or_null(json, "seconds_ago", age(past.at, now));
    json.EndObject();
  }
  json.EndArray();
  json.Key("dropped_reports");
  json.StartObject();
  for (const auto& [why, count] : dropped) {
    json.Key(why.c_str());
    json.Uint64(count);
  }
  json.EndObject();
}

std::string health_json(const Verdict& verdict, const HealthConfig& config) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  write_head(json, verdict, config);
  json.EndObject();
  return written(buffer);
}

std::string verbose_json(const Verdict& verdict, const HealthConfig& config, const Board& board, const Dropped& dropped, Board::Time now) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  write_head(json, verdict, config);
  write_reasons(json, verdict);
  json.Key("components");
  json.StartArray();
  for (const auto& [name, entry] : board.entries()) {
    json.StartObject();
    write_component(json, entry, board.fresh(entry, now), now);
    json.EndObject();
  }
  json.EndArray();
  write_waiting(json, board, now);
  write_past(json, board, dropped, now);
  json.EndObject();
  return written(buffer);
}

}  // namespace fraiseql
