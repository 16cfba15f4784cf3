#pragma once

#include <optional>
#include <string>

#include "common/status.hpp"
#include "common/status_names.hpp"

namespace fraiseql {

/// The value of a gauge without labels; none: the report does not hold it.
inline std::optional<double> gauge(const StatusReport& report, std::string_view name) {
  const auto found = report.metrics.gauges.find({std::string(name), {}});
  if (found == report.metrics.gauges.end()) return std::nullopt;
  return found->second;
}

/// Whether what a report says of lag and backlog is of now: a bridge that does not lead may repeat what it saw when it did.
inline bool sees_the_pipeline(const StatusReport& report) {
  return report.component != component_name::bridge || gauge(report, metric::leader).value_or(0) > 0;
}

}  // namespace fraiseql
