#include "healthd/totals.hpp"

#include <algorithm>

#include "common/status_names.hpp"
#include "healthd/metric_table.hpp"

namespace fraiseql {
namespace {

// Bounds on what strangers can make us remember. A process is remembered long after it has gone: one that was frozen
// or cut off comes back with all its counts.
constexpr std::size_t most_processes = 2000;
constexpr std::size_t most_series = 2000;

/// Raises `last` to `value` and returns by how much. Within one process counts never go down; one that does is nonsense.
std::uint64_t step(std::uint64_t& last, std::uint64_t value) {
  if (value <= last) return 0;
  const std::uint64_t by = value - last;
  last = value;
  return by;
}

}  // namespace

Totals::Totals(std::int64_t healthd_started_at_ms) : started_at_ms_(healthd_started_at_ms) {
  for (const MetricRow& row : metric_table()) {
    if (!row.labels.empty()) continue;
    if (row.type == MetricRow::Type::counter) counters_[{row.name, {}}] = 0;
    if (row.type == MetricRow::Type::histogram)
      histograms_[{row.name, {}}] = {metric::duration_bounds(), std::vector<std::uint64_t>(metric::duration_bounds().size() + 1), 0};
  }
}

Totals::Last& Totals::last_of(const Process& process) {
  if (!processes_.contains(process) && processes_.size() >= most_processes) {
    const auto oldest = std::min_element(processes_.begin(), processes_.end(),
                                         [](const auto& a, const auto& b) { return a.second.turn < b.second.turn; });
    processes_.erase(oldest);
  }
  Last& last = processes_[process];
  last.turn = ++turn_;
  return last;
}

void Totals::add(const StatusReport& report) {
  const Process process{report.component, report.instance, report.started_at_ms, report.pid};
  const bool baseline = !processes_.contains(process) && report.started_at_ms < started_at_ms_;
  Last& last = last_of(process);
  for (const auto& [named, value] : report.metrics.counters) {
    Metrics::Key key = named;
    const MetricRow* row = find_metric(key.first, MetricRow::Type::counter);
    if (!row || !arrange(key.second, *row)) continue;
    if (!counters_.contains(key) && counters_.size() >= most_series) continue;
    const std::uint64_t by = step(last.counters[key], value);
    counters_[key] += baseline ? 0 : by;
  }
  for (const auto& [named, value] : report.metrics.histograms) {
    Metrics::Key key = named;
    const MetricRow* row = find_metric(key.first, MetricRow::Type::histogram);
    if (!row || !arrange(key.second, *row) || value.bounds != metric::duration_bounds()) continue;
    if (!histograms_.contains(key) && histograms_.size() >= most_series) continue;
    Histogram& before = last.histograms[key];
    Histogram& total = histograms_[key];
    for (Histogram* one : {&before, &total}) {
      one->bounds = value.bounds;
      one->counts.resize(value.counts.size());
    }
    for (std::size_t i = 0; i < value.counts.size(); ++i) {
      const std::uint64_t by = step(before.counts[i], value.counts[i]);
      total.counts[i] += baseline ? 0 : by;
    }
    const double by = std::max(0.0, value.sum - before.sum);
    before.sum = std::max(before.sum, value.sum);
    total.sum += baseline ? 0 : by;
  }
}

}  // namespace fraiseql
