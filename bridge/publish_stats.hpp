#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "common/status.hpp"

namespace fraiseql {

/// What a bridge process has done since it started, counted where it happens and turned into metrics once a second.
struct PublishStats {
  static constexpr std::array<double, 15> bounds{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};

  std::uint64_t published = 0, duplicates = 0, regressions = 0, letters_dropped = 0;
  std::map<std::string, std::uint64_t> errors, letters;  ///< by reason
  std::array<std::uint64_t, bounds.size() + 1> delay_counts{};
  double delay_sum = 0;  ///< seconds

  /// created_at to ack, in microseconds.
  void delay(std::int64_t microseconds) {
    const double seconds = microseconds < 0 ? 0.0 : static_cast<double>(microseconds) / 1e6;
    std::size_t bucket = 0;
    while (bucket < bounds.size() && seconds > bounds[bucket]) ++bucket;
    ++delay_counts[bucket];
    delay_sum += seconds;
  }

  void write(Metrics& metrics) const {
    const auto set = [&](const char* name, Labels labels, std::uint64_t value) { metrics.counters[{name, std::move(labels)}] = value; };
    set("fraiseql_bridge_events_published_total", {}, published);
    set("fraiseql_bridge_duplicates_total", {}, duplicates);
    set("fraiseql_bridge_broker_regressions_total", {}, regressions);
    set("fraiseql_observer_dlq_overflow_total", {}, letters_dropped);
    for (const auto& [reason, count] : errors) set("fraiseql_bridge_publish_errors_total", {{"reason", reason}}, count);
    for (const auto& [reason, count] : letters) set("fraiseql_bridge_dead_letters_total", {{"reason", reason}}, count);
    Histogram& delay_histogram = metrics.histograms[{"fraiseql_bridge_publish_delay_seconds", {}}];
    delay_histogram.bounds.assign(bounds.begin(), bounds.end());
    delay_histogram.counts.assign(delay_counts.begin(), delay_counts.end());
    delay_histogram.sum = delay_sum;
  }
};

}  // namespace fraiseql
