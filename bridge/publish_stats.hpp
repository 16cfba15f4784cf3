#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/status.hpp"
#include "common/status_names.hpp"

namespace fraiseql {

/// What a bridge process has done since it started, counted where it happens and turned into metrics once a second.
struct PublishStats {
  std::uint64_t published = 0, duplicates = 0, regressions = 0, letters_dropped = 0;
  std::map<std::string, std::uint64_t> errors, letters;  ///< by reason
  Histogram delays{metric::duration_bounds(), std::vector<std::uint64_t>(metric::duration_bounds().size() + 1), 0};  ///< seconds

  /// created_at to ack, in microseconds.
  void delay(std::int64_t microseconds) {
    const double seconds = microseconds < 0 ? 0.0 : static_cast<double>(microseconds) / 1e6;
    std::size_t bucket = 0;
    while (bucket < delays.bounds.size() && seconds > delays.bounds[bucket]) ++bucket;
    ++delays.counts[bucket];
    delays.sum += seconds;
  }

  void write(Metrics& metrics) const {
    const auto set = [&](std::string_view name, Labels labels, std::uint64_t value) {
      metrics.counters[{std::string(name), std::move(labels)}] = value;
    };
    set(metric::events_published, {}, published);
    set(metric::duplicates, {}, duplicates);
    set(metric::broker_regressions, {}, regressions);
    set(metric::dlq_overflow, {}, letters_dropped);
    for (const auto& [reason, count] : errors) set(metric::publish_errors, {{"reason", reason}}, count);
    for (const auto& [reason, count] : letters) set(metric::bridge_dead_letters, {{"reason", reason}}, count);
    metrics.histograms[{std::string(metric::publish_delay), {}}] = delays;
  }
};

}  // namespace fraiseql
