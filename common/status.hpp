#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.hpp"

namespace fraiseql {

/// Labels of one time series, in the order in which they are printed.
using Labels = std::vector<std::pair<std::string, std::string>>;

struct Histogram {
  std::vector<double> bounds;           ///< upper bounds in the metric's unit, ascending, without +Inf
  std::vector<std::uint64_t> counts;    ///< per bucket, not cumulative; one more than bounds
  double sum = 0;
};

/// Series of one process by (name, labels). Names are those of the metrics page.
struct Metrics {
  using Key = std::pair<std::string, Labels>;
  std::map<Key, std::uint64_t> counters;
  std::map<Key, double> gauges;
  std::map<Key, Histogram> histograms;

  void count(std::string_view name, Labels labels = {}, std::uint64_t by = 1) { counters[{std::string(name), std::move(labels)}] += by; }
  void set(std::string_view name, double value, Labels labels = {}) { gauges[{std::string(name), std::move(labels)}] = value; }
  /// Adds one observation to the histogram, made with `bounds` at its first observation.
  void observe(std::string_view name, const std::vector<double>& bounds, double value, Labels labels = {});
};

/// How one peer of a process is doing, as that process sees it.
enum class Reach { not_used, ok, unreachable };

/// What one process tells healthd, once a second. Encoded as one JSON frame; see docs of `encode`.
struct StatusReport {
  static constexpr int current_version = 1;

  std::string component;           ///< pg2nats-bridge, executor
  std::string instance;            ///< --instance
  int pid = 0;
  std::string host;
  std::int64_t started_at_ms = 0;  ///< Unix time, milliseconds
  std::uint64_t sequence = 0;      ///< grows by one per report of this process
  std::string state;               ///< starting, running, standby, stopped ("stopped" is the goodbye)
  Reach postgres = Reach::not_used;
  Reach jetstream = Reach::not_used;  ///< ok: an API round trip succeeded within the last seconds
  std::string transport;           ///< nats
  std::string stream;
  /// What is wrong, each in plain words with the command to run: code -> text. Codes: status_names.hpp.
  std::map<std::string, std::string> problems;
  /// Facts for ?verbose and verdicts, numbers as text. Those that healthd reads: status_names.hpp.
  std::map<std::string, std::string> details;
  Metrics metrics;
};

/// One frame. Never fails.
std::string encode(const StatusReport& report);
/// The report of a frame of any shape and size: never trusts it. Limits: 64 KiB, 8 levels, 1,000 series.
Result<StatusReport> decode_status(std::string_view frame);

}  // namespace fraiseql
