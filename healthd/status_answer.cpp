#include "healthd/status_answer.hpp"

#include "common/status_names.hpp"
#include "healthd/answer_parts.hpp"
#include "healthd/gauge.hpp"

namespace fraiseql {
namespace {

using namespace json;

/// A tenth is as exact as five seconds of reports are.
double tenths(double value) { return std::round(value * 10) / 10; }

void write_rates(Writer& json, const Rates& rates) {
  json.Key("rates");
  json.StartObject();
  number_or_null(json, "read", tenths(rates.read));
  number_or_null(json, "published", tenths(rates.published));
  number_or_null(json, "settled", tenths(rates.settled));
  number_or_null(json, "actions", tenths(rates.actions));
  number_or_null(json, "action_errors", tenths(rates.errors));
  json.EndObject();
}

/// The series of a counter with one label, by its value.
void write_by_label(Writer& json, const char* name, const Totals& totals, std::string_view metric) {
  json.Key(name);
  json.StartObject();
  const auto& counters = totals.counters();
  for (auto one = counters.lower_bound({std::string(metric), {}}); one != counters.end() && one->first.first == metric; ++one) {
    if (one->first.second.size() != 1) continue;
    json.Key(one->first.second[0].second.c_str());
    json.Uint64(one->second);
  }
  json.EndObject();
}

std::uint64_t total(const Totals& totals, std::string_view metric) {
  const auto found = totals.counters().find({std::string(metric), {}});
  return found == totals.counters().end() ? 0 : found->second;
}

void write_components(Writer& json, const Sight& sight) {
  json.Key("components");
  json.StartArray();
  for (const auto& [name, entry] : sight.board.entries()) {
    const bool up = sight.board.fresh(entry, sight.now);
    json.StartObject();
    write_component(json, entry, up, sight.now);
    text(json, "reports", !up ? "silent" : Board::late(entry.heard, sight.now) ? "late" : "in time");
    json.Key("leads");
    json.Bool(gauge(entry.report, metric::leader).value_or(0) > 0);
    write_rates(json, sight.flow.of(name, sight.now));
    json.EndObject();
  }
  json.EndArray();
}

void write_history(Writer& json, const std::vector<Sample>& samples) {
  json.Key("history");
  json.StartArray();
  for (const Sample& sample : samples) {
    json.StartArray();
    json.Int64(sample.at_ms);
    json.Int(static_cast<int>(sample.level));
    number_or_null(json, tenths(sample.published));
    number_or_null(json, tenths(sample.settled));
    number_or_null(json, sample.lag_events);
    number_or_null(json, sample.lag_seconds ? std::optional(tenths(*sample.lag_seconds)) : std::nullopt);
    number_or_null(json, sample.backlog);
    json.EndArray();
  }
  json.EndArray();
}

}  // namespace

std::string status_json(const Sight& sight, std::optional<std::int64_t> since) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  write_head(json, sight.verdict, sight.config);
  json.Key("healthd");
  json.StartObject();
  text(json, "version", FRAISEQL_VERSION);
  json.Key("started_at_ms");
  json.Int64(sight.started_at_ms);
  json.Key("now_ms");
  json.Int64(sight.now_ms);
  json.EndObject();
  write_reasons(json, sight.verdict);
  write_rates(json, sight.flow.total(sight.now));
  write_waiting(json, sight.board, sight.now);
  number_or_null(json, "in_flight", sight.board.sum_of_gauge(metric::in_flight, sight.now));
  json.Key("dead_letters");
  json.StartObject();
  number_or_null(json, "kept", sight.board.newest_gauge(metric::dlq_items, sight.now));
  json.Key("dropped");
  json.Uint64(total(sight.totals, metric::dlq_overflow));
  write_by_label(json, "unpublishable", sight.totals, metric::bridge_dead_letters);
  write_by_label(json, "failed", sight.totals, metric::events_failed);
  json.EndObject();
  write_components(json, sight);
  write_past(json, sight.board, sight.dropped, sight.now);
  if (since) write_history(json, sight.history.after(*since));
  json.EndObject();
  return written(buffer);
}

}  // namespace fraiseql
