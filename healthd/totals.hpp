#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "common/status.hpp"

namespace fraiseql {

/// Counters and histograms over all processes, gone ones included. Pure.
///
/// A total never goes down while healthd lives: it grows by what each process has added since its last report. What a
/// process had counted before its first report counts when it started after healthd; else healthd was restarted, and
/// the first report is only where counting begins. That restart looks to Prometheus like any counter reset.
class Totals {
 public:
  explicit Totals(std::int64_t healthd_started_at_ms);

  void add(const StatusReport& report);

  const std::map<Metrics::Key, std::uint64_t>& counters() const { return counters_; }
  const std::map<Metrics::Key, Histogram>& histograms() const { return histograms_; }

 private:
  using Process = std::tuple<std::string, std::string, std::int64_t, int>;  // component, instance, start, pid
  struct Last {
    std::map<Metrics::Key, std::uint64_t> counters;
    std::map<Metrics::Key, Histogram> histograms;
    std::uint64_t turn = 0;
  };
  Last& last_of(const Process& process);

  std::int64_t started_at_ms_;
  std::map<Process, Last> processes_;
  std::uint64_t turn_ = 0;
  std::map<Metrics::Key, std::uint64_t> counters_;
  std::map<Metrics::Key, Histogram> histograms_;
};

}  // namespace fraiseql
