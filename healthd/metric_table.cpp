#include "healthd/metric_table.hpp"

#include <algorithm>
#include <map>

#include "common/status_names.hpp"

namespace fraiseql {

const std::vector<MetricRow>& metric_table() {
  using Type = MetricRow::Type;
  using From = MetricRow::From;
  const auto name = [](std::string_view text) { return std::string(text); };
  static const std::vector<MetricRow> table{
      {name(metric::events_processed), Type::counter, {}, "Events settled, those that failed included."},
      {name(metric::events_failed), Type::counter, {"error_type"}, "Events settled with at least one failed action."},
      {name(metric::events_retried), Type::counter, {}, "Actions tried again."},
      {name(metric::action_executed), Type::counter, {"action_type"}, "Actions run, every try counted."},
      {name(metric::action_errors), Type::counter, {"action_type", "error_type"}, "Tries of actions that failed."},
      {name(metric::action_duration), Type::histogram, {"action_type"}, "Time of one try of an action in seconds."},
      {name(metric::processing_duration), Type::histogram, {}, "Time from taking an event to settling it in seconds."},
      {name(metric::end_to_end), Type::histogram, {}, "Time from a change's created_at to its last action in seconds."},
      {name(metric::backlog_size), Type::gauge, {}, "Events waiting and unacknowledged in the consumer."},
      {name(metric::dlq_items), Type::gauge, {}, "Dead letters kept."},
      {name(metric::dlq_overflow), Type::counter, {}, "Dead letters dropped because max_dlq_size was reached."},
      {name(metric::events_published), Type::counter, {}, "Changes known to be stored in the stream."},
      {name(metric::duplicates), Type::counter, {}, "Publishes that the stream already held."},
      {name(metric::publish_errors), Type::counter, {"reason"}, "Publishes that failed and were tried again."},
      {name(metric::bridge_dead_letters), Type::counter, {"reason"}, "Changes that cannot be published."},
      {name(metric::lag_events), Type::gauge, {}, "Committed changes not yet published."},
      {name(metric::lag_seconds), Type::gauge, {}, "Age of the oldest change not yet published in seconds."},
      {name(metric::in_flight), Type::gauge, {}, "Messages published and not yet known to be stored.", From::sum},
      {name(metric::leader), Type::gauge, {}, "Bridges that lead; 1 is right.", From::sum},
      {name(metric::publish_delay), Type::histogram, {}, "Time from a change's created_at to its ack in seconds."},
      {name(metric::broker_regressions), Type::counter, {}, "Times that the stream had lost stored messages."},
  };
  return table;
}

const MetricRow* find_metric(std::string_view name, MetricRow::Type type) {
  static const auto index = [] {
    std::map<std::string_view, const MetricRow*> out;
    for (const MetricRow& row : metric_table()) out[row.name] = &row;
    return out;
  }();
  const auto found = index.find(name);
  return found == index.end() || found->second->type != type ? nullptr : found->second;
}

bool arrange(Labels& labels, const MetricRow& row) {
  if (labels.size() != row.labels.size()) return false;
  Labels ordered;
  for (const std::string& label : row.labels) {
    const auto found = std::find_if(labels.begin(), labels.end(), [&](const auto& one) { return one.first == label; });
    if (found == labels.end()) return false;
    ordered.push_back(*found);
  }
  labels = std::move(ordered);
  return true;
}

}  // namespace fraiseql
