#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/status.hpp"

namespace fraiseql {

/// One line of the table of metrics: all that /metrics may show of a report.
struct MetricRow {
  enum class Type { counter, gauge, histogram };
  /// Of gauges: the newest report's value, or the sum over all reports.
  enum class From { newest, sum };

  std::string name;
  Type type;
  std::vector<std::string> labels;  ///< every series has exactly these, in this order
  std::string help;
  From from = From::newest;
};

/// In the order of the health page.
const std::vector<MetricRow>& metric_table();
/// Null: no such metric.
const MetricRow* find_metric(std::string_view name, MetricRow::Type type);
/// Puts the labels into the row's order. False: they are not the row's labels.
bool arrange(Labels& labels, const MetricRow& row);

}  // namespace fraiseql
