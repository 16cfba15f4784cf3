#pragma once

#include <optional>
#include <string>

#include "common/status.hpp"

namespace fraiseql {

/// The value of a gauge without labels; none: the report does not hold it.
inline std::optional<double> gauge(const StatusReport& report, std::string_view name) {
  const auto found = report.metrics.gauges.find({std::string(name), {}});
  if (found == report.metrics.gauges.end()) return std::nullopt;
  return found->second;
}

}  // namespace fraiseql
