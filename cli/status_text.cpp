#include "cli/status_text.hpp"

#include <rapidjson/document.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <vector>

#include "cli/terminal.hpp"

namespace fraiseql {
namespace {

using rapidjson::Document;
using rapidjson::Value;

Document parsed(const std::string& json) {
  Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  return document;
}

/// Null for whatever is not there: another version of healthd may say less.
const Value* at(const Value* object, const char* name) {
  if (!object || !object->IsObject()) return nullptr;
  const auto found = object->FindMember(name);
  return found == object->MemberEnd() ? nullptr : &found->value;
}

std::string text(const Value* object, const char* name) {
  const Value* value = at(object, name);
  return value && value->IsString() ? harmless({value->GetString(), value->GetStringLength()}) : "";
}

std::optional<double> number(const Value* object, const char* name) {
  const Value* value = at(object, name);
  return value && value->IsNumber() ? std::optional(value->GetDouble()) : std::nullopt;
}

bool flag(const Value* object, const char* name) {
  const Value* value = at(object, name);
  return value && value->IsBool() && value->GetBool();
}

std::string rounded(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string count(std::optional<double> value) { return value ? rounded(*value, 0) : "?"; }

std::string rate(std::optional<double> value) { return value ? rounded(*value, *value > 0 && *value < 10 ? 1 : 0) + "/s" : "?"; }

std::string duration(std::optional<double> value) {
  if (!value) return "?";
  if (*value < 10) return rounded(*value, 1) + " s";
  if (*value < 120) return rounded(*value, 0) + " s";
  if (*value < 7200) return rounded(*value / 60, 0) + " min";
  if (*value < 172800) return rounded(*value / 3600, 0) + " h";
  return rounded(*value / 86400, 0) + " days";
}

struct Paint {
  bool colour;
  std::string operator()(const std::string& level, const std::string& words) const {
    if (!colour) return words;
    const char* code = level == "ok" ? "32" : level == "degraded" ? "33" : level == "down" ? "31" : "0";
    return std::string("\x1b[1;") + code + "m" + words + "\x1b[0m";
  }
};

std::string row(const char* name, const std::string& words) { return padded(name, 14) + words + "\n"; }

std::string reasons(const Value* root, const Paint& paint) {
  const Value* all = at(root, "reasons");
  std::string made;
  if (!all || !all->IsArray()) return made;
  for (const Value& one : all->GetArray()) {
    const std::string level = text(&one, "level");
    made += "  " + paint(level, padded(level, 9)) + " " + text(&one, "text") + "\n";
    if (const std::string command = text(&one, "command"); !command.empty()) made += "            next: " + command + "\n";
  }
  return made;
}

std::string flow(const Value* root) {
  std::string made;
  const Value* observers = at(root, "observers");
  const Value* lag = at(root, "lag");
  const std::string database = text(at(at(root, "databases"), "primary"), "status");
  std::string words = database;
  if (const auto rows = number(lag, "events"))
    words += ", " + (*rows > 0 ? count(rows) + " rows wait, the oldest for " + duration(number(lag, "seconds")) : "no row waits");
  made += row("PostgreSQL", words);
  if (const Value* reader = at(root, "checkpoint"); reader && reader->IsObject()) {
    words = text(reader, "reader") + ": ";
    words += flag(reader, "known") ? "at row " + count(number(reader, "published_pk")) + ", saved " + duration(number(reader, "saved_seconds_ago")) + " ago"
                                   : "has not run yet";
    words += flag(reader, "led") ? ", led by " + text(reader, "led_by") : ", led by nobody";
    made += row("checkpoint", words);
  }
  if (text(observers, "transport") == "nats") {
    words = text(observers, "stream") + (flag(observers, "connected") ? ", JetStream answers" : ", JetStream does not answer");
    if (const Value* stream = at(root, "stream"); stream && stream->IsNull() && flag(observers, "connected")) words += ", there is no such stream";
    if (const Value* stream = at(root, "stream"); stream && stream->IsObject())
      words += ", " + count(number(stream, "messages")) + " messages, sequences " + count(number(stream, "first_seq")) + " to " + count(number(stream, "last_seq"));
    made += row("stream", words);
  }
  words.clear();
  if (const auto events = number(root, "backlog")) words = count(events) + " events wait or are not acknowledged";
  if (const Value* consumer = at(root, "consumer"); consumer && consumer->IsObject())
    words = count(number(consumer, "waiting")) + " events wait, " + count(number(consumer, "unacknowledged")) + " are not acknowledged, " +
            count(number(consumer, "pulls")) + " requests for events wait";
  if (!words.empty()) made += row("backlog", words);
  if (const Value* rates = at(root, "rates"); rates && rates->IsObject())
    made += row("rates", rate(number(rates, "published")) + " published, " + rate(number(rates, "settled")) + " settled, " +
                             rate(number(rates, "actions")) + " actions, of which " + rate(number(rates, "action_errors")) + " fail");
  const Value* letters = at(root, "dead_letters");
  words = count(number(letters, "kept")) + " kept";
  for (const char* kind : {"unpublishable", "failed"}) {
    const Value* reasons_of = at(letters, kind);
    if (!reasons_of || !reasons_of->IsObject()) continue;
    for (const auto& one : reasons_of->GetObject())
      if (one.value.IsUint64() && one.value.GetUint64() > 0)
        words += ", " + harmless(one.name.GetString()) + " " + std::to_string(one.value.GetUint64());
  }
  return made + row("dead letters", words);
}

std::string doing(const Value& one) {
  const Value* details = at(&one, "details");
  std::string made;
  const auto add = [&](const std::string& words) { made += (made.empty() ? "" : ", ") + words; };
  if (flag(&one, "leads")) add("leads");
  if (const std::string pk = text(details, "position_pk"); !pk.empty()) add("at row " + pk);
  if (const std::string held = text(details, "held"); !held.empty()) add(held + " held");
  if (const std::string running = text(details, "running_actions"); !running.empty()) add(running + " running");
  return made;
}

std::string processes(const Value* root, std::size_t width, const Paint& paint) {
  const Value* all = at(root, "components");
  if (!all || !all->IsArray() || all->Empty()) return "";
  std::vector<std::array<std::string, 7>> rows{{"STATE", "PROCESS", "INSTANCE", "HOST", "HEARD", "RATE", "DOING"}};
  std::vector<std::string> levels{""};
  for (const Value& one : all->GetArray()) {
    const std::string reports = text(&one, "reports");
    const Value* problems = at(&one, "problems");
    const bool well = reports == "in time" && problems && problems->IsObject() && problems->ObjectEmpty();
    const Value* rates = at(&one, "rates");
    levels.push_back(reports == "silent" ? "down" : well ? "ok" : "degraded");
    rows.push_back({reports == "in time" ? text(&one, "state") : reports, text(&one, "component"), text(&one, "instance"), text(&one, "host"),
                    duration(number(&one, "heard_seconds_ago")) + " ago",
                    rate(number(rates, text(&one, "component") == "executor" ? "settled" : "published")), doing(one)});
  }
  std::array<std::size_t, 7> widths{};
  for (auto& cells : rows)
    for (std::size_t i = 0; i < cells.size(); ++i) {
      cells[i] = i + 1 < cells.size() ? cut(cells[i], 40) : cells[i];
      widths[i] = std::max(widths[i], columns(cells[i]));
    }
  std::string made = "\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 1; i < rows[r].size(); ++i) line += "  " + (i + 1 < rows[r].size() ? padded(rows[r][i], widths[i]) : rows[r][i]);
    line = cut(line, width > widths[0] + 10 ? width - widths[0] : 10);
    line.resize(line.find_last_not_of(' ') + 1);
    made += (r == 0 ? padded(rows[r][0], widths[0]) : paint(levels[r], padded(rows[r][0], widths[0]))) + line + "\n";
  }
  return made;
}

}  // namespace

std::string status_text(const std::string& json, std::size_t width, bool colour) {
  const Document document = parsed(json);
  const Value* root = document.HasParseError() ? nullptr : &document;
  const Paint paint{colour};
  const std::string status = text(root, "status");
  const Value* healthd = at(root, "healthd");
  std::string made = paint(status, status);
  if (healthd && healthd->IsObject()) {
    const auto now = number(healthd, "now_ms"), started = number(healthd, "started_at_ms");
    made += "  says healthd " + text(healthd, "version");
    if (now && started) made += ", which runs for " + duration((*now - *started) / 1000);
  } else {
    made += "  say the servers themselves; healthd is away";
  }
  return made + "\n" + reasons(root, paint) + "\n" + flow(root) + processes(root, width, paint);
}

bool is_well(const std::string& json) {
  const Document document = parsed(json);
  return !document.HasParseError() && text(&document, "status") == "ok";
}

}  // namespace fraiseql
