#include "common/status.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <optional>

// The frame, an example:
//   {"version":1,"component":"executor","instance":"a-1","pid":7,"host":"a","started_at":1700000000000,"sequence":3,
//    "state":"running","postgres":"not_used","jetstream":"ok","transport":"nats","stream":"fraiseql_events",
//    "problems":{"drift":"..."},"details":{"backlog":"4"},
//    "counters":[["name",{"label":"value"},5]],"gauges":[["name",{},1.5]],
//    "histograms":[["name",{},{"bounds":[1,2],"counts":[0,1,0],"sum":1.5}]]}
namespace fraiseql {
namespace {

constexpr std::size_t largest_frame = 64 * 1024;
constexpr int deepest = 8;
constexpr std::size_t most_series = 1000;
constexpr std::size_t most_labels = 8;
constexpr std::size_t most_bounds = 64;
constexpr std::size_t most_facts = 200;  // problems, and details
constexpr std::size_t longest_name = 128;
constexpr std::size_t longest_text = 1024;
// Above this a double, which is what Prometheus reads, no longer counts by one.
constexpr std::uint64_t largest_count = std::uint64_t{1} << 53;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

std::string_view word(Reach reach) {
  switch (reach) {
    case Reach::ok: return "ok";
    case Reach::unreachable: return "unreachable";
    case Reach::not_used: break;
  }
  return "not_used";
}

/// The length of the well-formed UTF-8 sequence at the beginning of `text`; 0: there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f)) return 0;  // overlong; surrogates
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if ((first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// Texts come from libraries and servers, in any bytes and any length.
std::string tidy(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view piece = length ? text.substr(0, length) : "\xef\xbf\xbd";
    if (out.size() + piece.size() > limit) break;
    out += piece;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

/// Key(std::string) came to RapidJSON after Debian 12.
void write_name(Writer& json, const std::string& name) { json.Key(name.c_str(), static_cast<rapidjson::SizeType>(name.size())); }

void write_text(Writer& json, const char* name, std::string_view value, std::size_t limit = longest_text) {
  json.Key(name);
  json.String(tidy(value, limit));
}

void write_facts(Writer& json, const char* name, const std::map<std::string, std::string>& facts) {
  json.Key(name);
  json.StartObject();
  std::size_t written = 0;
  for (const auto& [key, value] : facts) {
    if (++written > most_facts) break;
    write_name(json, tidy(key, longest_name));
    json.String(tidy(value, longest_text));
  }
  json.EndObject();
}

void write_key(Writer& json, const Metrics::Key& key) {
  json.StartArray();
  json.String(key.first);
  json.StartObject();
  for (const auto& [label, value] : key.second) {
    write_name(json, label);
    json.String(tidy(value, longest_name));
  }
  json.EndObject();
}

/// RapidJSON writes no number at all for an infinity and leaves broken JSON.
void write_number(Writer& json, double value) { json.Double(std::isfinite(value) ? value : 0.0); }

void write_histogram(Writer& json, const Histogram& histogram) {
  json.StartObject();
  json.Key("bounds");
  json.StartArray();
  for (const double bound : histogram.bounds) write_number(json, bound);
  json.EndArray();
  json.Key("counts");
  json.StartArray();
  for (const std::uint64_t count : histogram.counts) json.Uint64(count);
  json.EndArray();
  json.Key("sum");
  write_number(json, histogram.sum);
  json.EndObject();
}

std::string write(const StatusReport& report, bool facts, bool histograms) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  json.Key("version");
  json.Int(StatusReport::current_version);
  write_text(json, "component", report.component, longest_name);
  write_text(json, "instance", report.instance, longest_name * 2);
  json.Key("pid");
  json.Int(report.pid);
  write_text(json, "host", report.host, longest_name * 2);
  json.Key("started_at");
  json.Int64(report.started_at_ms);
  json.Key("sequence");
  json.Uint64(report.sequence);
  write_text(json, "state", report.state, longest_name);
  write_text(json, "postgres", word(report.postgres));
  write_text(json, "jetstream", word(report.jetstream));
  write_text(json, "transport", report.transport, longest_name);
  write_text(json, "stream", report.stream, longest_name * 2);
  write_facts(json, "problems", report.problems);
  if (facts) write_facts(json, "details", report.details);
  json.Key("counters");
  json.StartArray();
  for (const auto& [key, value] : report.metrics.counters) {
    write_key(json, key);
    json.Uint64(std::min(value, largest_count));
    json.EndArray();
  }
  json.EndArray();
  json.Key("gauges");
  json.StartArray();
  for (const auto& [key, value] : report.metrics.gauges) {
    write_key(json, key);
    write_number(json, value);
    json.EndArray();
  }
  json.EndArray();
  json.Key("histograms");
  json.StartArray();
  if (histograms) {
    for (const auto& [key, histogram] : report.metrics.histograms) {
      write_key(json, key);
      write_histogram(json, histogram);
      json.EndArray();
    }
  }
  json.EndArray();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

/// RapidJSON builds its tree before we could look at it, so the depth is counted beforehand.
bool too_deep(std::string_view frame) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    const char c = frame[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > deepest) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

/// Thrown and caught in this file only: a frame has some forty places to be wrong in.
struct Refused {
  std::string why;
};

using Value = rapidjson::Value;

std::string_view view(const Value& value) { return {value.GetString(), value.GetStringLength()}; }

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_metric_name(std::string_view text) {
  if (text.empty() || text.size() > longest_name || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

const Value& member(const Value& object, const char* name) {
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd()) throw Refused{std::string("no member ") + name};
  return found->value;
}

/// A text that may be printed anywhere.
std::string line(const Value& object, const char* name, std::size_t shortest, std::size_t longest) {
  const Value& value = member(object, name);
  if (!value.IsString()) throw Refused{std::string(name) + " is not a string"};
  const std::string_view text = view(value);
  if (text.size() < shortest || text.size() > longest) throw Refused{std::string(name) + " is too short or too long"};
  if (has_control_characters(text)) throw Refused{std::string(name) + " holds control characters"};
  return std::string(text);
}

Reach reach(const Value& object, const char* name) {
  const std::string text = line(object, name, 1, longest_name);
  for (const Reach one : {Reach::not_used, Reach::ok, Reach::unreachable})
    if (text == word(one)) return one;
  throw Refused{std::string(name) + " is none of not_used, ok, unreachable"};
}

std::map<std::string, std::string> facts(const Value& object, const char* name) {
  std::map<std::string, std::string> out;
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd()) return out;  // left out by a sender with too much to say
  if (!found->value.IsObject() || found->value.MemberCount() > most_facts) throw Refused{std::string(name) + " is no object, or too large"};
  for (const auto& fact : found->value.GetObject()) {
    const std::string_view key = view(fact.name);
    if (key.empty() || key.size() > longest_name || has_control_characters(key)) throw Refused{std::string(name) + ": a key is not acceptable"};
    if (!fact.value.IsString() || fact.value.GetStringLength() > longest_text) throw Refused{std::string(name) + ": a value is no text, or too long"};
    out.insert_or_assign(std::string(key), std::string(view(fact.value)));
  }
  return out;
}

std::uint64_t count(const Value& value) {
  if (!value.IsUint64() || value.GetUint64() > largest_count) throw Refused{"a count is no whole number from 0 to 2^53"};
  return value.GetUint64();
}

double number(const Value& value) {
  if (!value.IsNumber() || !std::isfinite(value.GetDouble())) throw Refused{"a number is none"};
  return value.GetDouble();
}

Histogram histogram(const Value& value) {
  if (!value.IsObject()) throw Refused{"a histogram is no object"};
  const Value& bounds = member(value, "bounds");
  const Value& counts = member(value, "counts");
  if (!bounds.IsArray() || !counts.IsArray() || bounds.Size() > most_bounds || counts.Size() != bounds.Size() + 1)
    throw Refused{"a histogram has not one count more than bounds"};
  Histogram out;
  for (const Value& bound : bounds.GetArray()) {
    if (!out.bounds.empty() && number(bound) <= out.bounds.back()) throw Refused{"the bounds of a histogram do not rise"};
    out.bounds.push_back(number(bound));
  }
  for (const Value& one : counts.GetArray()) out.counts.push_back(count(one));
  out.sum = number(member(value, "sum"));
  return out;
}

/// Calls `take(key, value)` for each series of the member `name`.
template <class Take>
void each_series(const Value& object, const char* name, std::size_t& series, Take take) {
  const Value& list = member(object, name);
  if (!list.IsArray()) throw Refused{std::string(name) + " is no array"};
  series += list.Size();
  if (series > most_series) throw Refused{"more than 1000 series"};
  for (const Value& entry : list.GetArray()) {
    if (!entry.IsArray() || entry.Size() != 3 || !entry[0].IsString() || !entry[1].IsObject() || entry[1].MemberCount() > most_labels)
      throw Refused{std::string(name) + ": a series is not [name, labels, value]"};
    Metrics::Key key{std::string(view(entry[0])), {}};
    if (!is_metric_name(key.first)) throw Refused{std::string(name) + ": a name is not acceptable"};
    for (const auto& label : entry[1].GetObject()) {
      if (!is_metric_name(view(label.name)) || !label.value.IsString() || label.value.GetStringLength() > longest_name ||
          has_control_characters(view(label.value)))
        throw Refused{std::string(name) + ": a label is not acceptable"};
      key.second.emplace_back(std::string(view(label.name)), std::string(view(label.value)));
    }
    take(std::move(key), entry[2]);
  }
}

StatusReport read(const Value& root) {
  if (!root.IsObject()) throw Refused{"not an object"};
  const Value& version = member(root, "version");
  if (!version.IsInt() || version.GetInt() != StatusReport::current_version) throw Refused{"another version of reports"};
  StatusReport report;
  report.component = line(root, "component", 1, longest_name);
  report.instance = line(root, "instance", 1, longest_name * 2);
  report.host = line(root, "host", 0, longest_name * 2);
  report.state = line(root, "state", 1, longest_name);
  report.transport = line(root, "transport", 0, longest_name);
  report.stream = line(root, "stream", 0, longest_name * 2);
  const Value& pid = member(root, "pid");
  const Value& started = member(root, "started_at");
  const Value& sequence = member(root, "sequence");
  if (!pid.IsInt() || pid.GetInt() < 0) throw Refused{"pid is not acceptable"};
  if (!started.IsInt64() || started.GetInt64() < 0) throw Refused{"started_at is not acceptable"};
  if (!sequence.IsUint64()) throw Refused{"sequence is not acceptable"};
  report.pid = pid.GetInt();
  report.started_at_ms = started.GetInt64();
  report.sequence = sequence.GetUint64();
  report.postgres = reach(root, "postgres");
  report.jetstream = reach(root, "jetstream");
  report.problems = facts(root, "problems");
  report.details = facts(root, "details");
  std::size_t series = 0;
  auto& metrics = report.metrics;
  each_series(root, "counters", series, [&](Metrics::Key key, const Value& value) { metrics.counters[std::move(key)] = count(value); });
  each_series(root, "gauges", series, [&](Metrics::Key key, const Value& value) { metrics.gauges[std::move(key)] = number(value); });
  each_series(root, "histograms", series,
              [&](Metrics::Key key, const Value& value) { metrics.histograms[std::move(key)] = histogram(value); });
  return report;
}

}  // namespace

void Metrics::observe(std::string_view name, const std::vector<double>& bounds, double value, Labels labels) {
  Histogram& histogram = histograms[{std::string(name), std::move(labels)}];
  if (histogram.counts.empty()) {
    histogram.bounds = bounds;
    histogram.counts.resize(bounds.size() + 1);
  }
  // A bound belongs to its bucket, as Prometheus counts.
  const auto bucket = std::lower_bound(histogram.bounds.begin(), histogram.bounds.end(), value) - histogram.bounds.begin();
  ++histogram.counts[static_cast<std::size_t>(bucket)];
  histogram.sum += value;
}

std::string encode(const StatusReport& report) {
  // What makes the verdict goes first; a frame above the limit would be dropped whole.
  for (const auto& [facts_too, histograms_too] : {std::pair{true, true}, std::pair{false, true}, std::pair{false, false}}) {
    std::string frame = write(report, facts_too, histograms_too);
    if (frame.size() <= largest_frame) return frame;
  }
  StatusReport bare = report;
  bare.metrics = {};
  bare.problems.clear();
  return write(bare, false, false);
}

Result<StatusReport> decode_status(std::string_view frame) {
  if (frame.size() > largest_frame) return Error{"larger than 64 KiB"};
  if (too_deep(frame)) return Error{"nested deeper than 8 levels"};
  // Iterative: the recursive parser spends stack per level. Numbers in normal precision: the full one crashes.
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(frame.data(), frame.size());
  if (document.HasParseError()) return Error{"not JSON, at byte " + std::to_string(document.GetErrorOffset())};
  try {
    return read(document);
  } catch (const Refused& refused) {
    return Error{refused.why};
  }
}

}  // namespace fraiseql
