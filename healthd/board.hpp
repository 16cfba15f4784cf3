#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/config.hpp"
#include "common/status.hpp"

namespace fraiseql {

enum class Level { ok, degraded, down };

/// Something that is wrong, in plain words with the next command to run.
struct Reason {
  Level level;
  std::string code;  ///< for machines; see problem:: of status_names.hpp, and verdict.cpp
  std::string text;
};

struct Verdict {
  Level level = Level::ok;          ///< the worst of the reasons
  Reach postgres = Reach::not_used;  ///< as those processes see it that use it
  bool connected = false;            ///< every reporting process reaches where its events come from: JetStream, or PostgreSQL
  std::vector<Reason> reasons;
};

/// Who said what when, and who has gone quiet. Pure: the time of everything is an argument.
class Board {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Entry {
    StatusReport report;  ///< the newest
    Time heard;           ///< when that came
    std::optional<Time> postgres_lost, jetstream_lost;
    std::map<std::string, Time> problem_since;
  };
  struct Past {
    std::string component, instance, why;
    Time at;
  };
  using Name = std::pair<std::string, std::string>;  ///< component, instance

  /// `started_at_ms` is healthd's own start in Unix time, `started` the same on the clock of all later calls.
  Board(const HealthConfig& config, std::int64_t started_at_ms, Time started);

  /// Takes a report, or says why it is dropped: older than what is known, or one instance too many.
  std::optional<std::string> record(StatusReport report, Time now);
  /// Drops who has been silent for ten times stale_after, and what is too old to be told as the past.
  void forget(Time now);

  Verdict verdict(Time now) const;
  bool fresh(const Entry& entry, Time now) const { return now - entry.heard <= config_.stale_after; }
  /// A report is overdue. Long before it is a fault, a person who looks can see it.
  static bool late(Time heard, Time now) { return now - heard > std::chrono::milliseconds(1500); }
  const std::map<Name, Entry>& entries() const { return entries_; }
  const std::deque<Past>& past() const { return past_; }
  /// The newest fresh report's value of a gauge without labels, bridges that do not lead left out; the sum over all fresh
  /// ones.
  std::optional<double> newest_gauge(std::string_view name, Time now) const;
  double sum_of_gauge(std::string_view name, Time now) const;

 private:
  using Process = std::tuple<std::string, std::string, std::int64_t, int>;  // name, start and pid
  void follow_progress(const StatusReport& report, const StatusReport* before, Time now);

  HealthConfig config_;
  std::int64_t started_at_ms_;
  std::map<Name, Entry> entries_;
  std::deque<Past> past_;
  std::map<Process, Time> departed_;  // said goodbye; frames that come late must not bring them back
  // When something good was last seen, or healthd's start.
  Time anybody_, leader_, executor_, settled_;
  std::string position_;
  Time moved_;  // when the published position last moved, or no row waited
  std::optional<Time> dead_letter_;
};

}  // namespace fraiseql
