#include "healthd/exposition.hpp"

#include <prometheus/text_serializer.h>

#include <limits>

#include "healthd/metric_table.hpp"

namespace fraiseql {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

/// The library writes HELP as it is given.
std::string escaped_help(const std::string& help) {
  std::string out;
  for (const char c : help) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else out += c;
  }
  return out;
}

ClientMetric series(const Labels& labels) {
  ClientMetric one;
  for (const auto& [name, value] : labels) one.label.push_back({name, value});
  return one;
}

/// All entries of `map` whose key has the name.
template <class Map, class Visit>
void named(const Map& map, const std::string& name, Visit visit) {
  for (auto entry = map.lower_bound({name, {}}); entry != map.end() && entry->first.first == name; ++entry)
    visit(entry->first.second, entry->second);
}

ClientMetric::Histogram cumulative(const Histogram& histogram) {
  ClientMetric::Histogram out;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    out.sample_count += histogram.counts[i];
    const double bound = i < histogram.bounds.size() ? histogram.bounds[i] : std::numeric_limits<double>::infinity();
    out.bucket.push_back({out.sample_count, bound});
  }
  out.sample_sum = histogram.sum;
  return out;
}

MetricFamily family(const MetricRow& row, const Totals& totals, const Board& board, Board::Time now) {
  MetricFamily out{row.name, escaped_help(row.help), prometheus::MetricType::Untyped, {}};
  switch (row.type) {
    case MetricRow::Type::counter:
      out.type = prometheus::MetricType::Counter;
      named(totals.counters(), row.name, [&](const Labels& labels, std::uint64_t value) {
        out.metric.push_back(series(labels));
        out.metric.back().counter.value = static_cast<double>(value);
      });
      break;
    case MetricRow::Type::histogram:
      out.type = prometheus::MetricType::Histogram;
      named(totals.histograms(), row.name, [&](const Labels& labels, const Histogram& value) {
        out.metric.push_back(series(labels));
        out.metric.back().histogram = cumulative(value);
      });
      break;
    case MetricRow::Type::gauge:
      out.type = prometheus::MetricType::Gauge;
      const auto value = row.from == MetricRow::From::sum ? std::optional(board.sum_of_gauge(row.name, now)) : board.newest_gauge(row.name, now);
      if (value) {
        out.metric.emplace_back();
        out.metric.back().gauge.value = *value;
      }
      break;
  }
  return out;
}

}  // namespace

std::string exposition(const Totals& totals, const Board& board, const Dropped& dropped, Board::Time now) {
  std::vector<MetricFamily> families;
  for (const MetricRow& row : metric_table()) families.push_back(family(row, totals, board, now));

  MetricFamily up{"fraiseql_component_up", "1: the process reports; 0: it has fallen silent.", prometheus::MetricType::Gauge, {}};
  for (const auto& [name, entry] : board.entries()) {
    up.metric.push_back(series({{"component", name.first}, {"instance", name.second}}));
    up.metric.back().gauge.value = board.fresh(entry, now) ? 1 : 0;
  }
  families.push_back(std::move(up));

  MetricFamily lost{"fraiseql_healthd_dropped_reports_total", "Status reports not taken: nonsense, out of date, or too many instances.",
                    prometheus::MetricType::Counter, {}};
  for (const auto& [why, count] : dropped) {
    lost.metric.push_back(series({{"reason", why}}));
    lost.metric.back().counter.value = static_cast<double>(count);
  }
  families.push_back(std::move(lost));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace fraiseql
