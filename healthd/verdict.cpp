#include <algorithm>
#include <array>
#include <charconv>

#include "common/status_names.hpp"
#include "healthd/board.hpp"
#include "healthd/gauge.hpp"

// The verdict table of the health page, a function per row.
namespace fraiseql {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Clock::duration missing_is_down_after = 15s;
constexpr Clock::duration standing_is_degraded_after = 10s;
constexpr Clock::duration standing_is_down_after = 60s;
constexpr auto dead_letters_are_told_for = 5min;
// Of an executor that does not say: the default of an action.
constexpr std::int64_t usual_timeout_ms = 30'000;

constexpr std::array down_at_once{problem::database_copy, problem::stream_made_anew, problem::no_history};
constexpr std::array down_later{problem::no_stream, problem::not_permitted, problem::schema};
constexpr std::array words_of_a_reach{problem::postgres_unreachable, problem::jetstream_unreachable};

template <class List>
bool among(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string seconds(Clock::duration time) { return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s"; }

std::string who(const StatusReport& report) { return report.component + " " + report.instance; }

std::int64_t longest_timeout_ms(const StatusReport& report) {
  const auto found = report.details.find(std::string(detail_key::longest_timeout_ms));
  if (found == report.details.end()) return usual_timeout_ms;
  std::int64_t value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > 86'400'000) return usual_timeout_ms;
  return value;
}

/// "degraded after A, down after B", of something that has lasted for `lasts`.
std::optional<Level> grade(Clock::duration lasts, Clock::duration degraded_after, Clock::duration down_after) {
  if (lasts >= down_after) return Level::down;
  if (lasts >= degraded_after) return Level::degraded;
  return std::nullopt;
}

std::string number(double value) { return std::to_string(static_cast<long long>(std::clamp(value, 0.0, 9e18))); }

}  // namespace

Verdict Board::verdict(Time now) const {
  Verdict verdict;
  const auto add = [&](std::optional<Level> level, std::string_view code, std::string text) {
    if (!level) return;
    verdict.level = std::max(verdict.level, *level);
    verdict.reasons.push_back({*level, std::string(code), std::move(text)});
  };
  // "After stale_after" is "later than": at that very moment a report still counts as fresh.
  const auto missing = [&](Time seen) -> std::optional<Level> {
    if (now - seen <= config_.stale_after) return std::nullopt;
    return grade(now - seen, 0s, std::max<Clock::duration>(missing_is_down_after, config_.stale_after));
  };

  int bridges = 0, executors = 0, reporting = 0;
  bool leads = false, lost_source = false;
  std::int64_t longest_ms = 0;
  for (const auto& [name, entry] : entries_) {
    const StatusReport& report = entry.report;
    if (!fresh(entry, now)) {
      add(Level::degraded, "silent",
          who(report) + " on " + report.host + " has been silent for " + seconds(now - entry.heard) + ". Is it running? See its log, and: fraiseql check");
      continue;
    }
    ++reporting;
    if (report.component == component_name::bridge) ++bridges;
    if (report.component == component_name::executor) {
      ++executors;
      longest_ms = std::max(longest_ms, longest_timeout_ms(report));
    }
    if (gauge(report, metric::leader).value_or(0) > 0) leads = true;
    const auto unreachable = [&](std::optional<Time> lost, std::string_view code, std::string_view peer) {
      if (!lost) return;
      const auto words = report.problems.find(std::string(code));
      add(grade(now - *lost, 0s, missing_is_down_after), code,
          who(report) + " cannot reach " + std::string(peer) + ", for " + seconds(now - *lost) +
              (words == report.problems.end() ? "." : ": " + words->second) + " Next: fraiseql check");
    };
    unreachable(entry.postgres_lost, problem::postgres_unreachable, "PostgreSQL");
    unreachable(entry.jetstream_lost, problem::jetstream_unreachable, "JetStream");
    if (entry.postgres_lost) verdict.postgres = Reach::unreachable;
    else if (report.postgres == Reach::ok && verdict.postgres == Reach::not_used) verdict.postgres = Reach::ok;
    const bool from_postgres = config_.transport == "postgres";
    lost_source = lost_source || (from_postgres ? entry.postgres_lost : entry.jetstream_lost).has_value();
    for (const auto& [code, text] : report.problems) {
      if (among(words_of_a_reach, code)) continue;
      Level level = Level::degraded;
      if (among(down_at_once, code)) level = Level::down;
      else if (among(down_later, code) && now - entry.problem_since.at(code) >= missing_is_down_after) level = Level::down;
      add(level, code, who(report) + ": " + text);
    }
  }
  verdict.connected = reporting > 0 && !lost_source;

  if (reporting == 0)
    add(missing(anybody_), "nobody_reports",
        "no process has reported for " + seconds(now - anybody_) + ". Start the pipeline: fraiseql run; or compare status_endpoint in [health] on all machines");
  if (!leads && (config_.expect_bridges > 0 || bridges > 0))
    add(missing(leader_), "no_leader",
        "no bridge has led for " + seconds(now - leader_) + ", so nothing is published. " +
            (bridges > 0 ? "See the other reasons, and: fraiseql check" : "Start one: fraiseql run, with run_bridge = true"));
  if (executors == 0 && config_.expect_executors > 0)
    add(missing(executor_), "no_executor",
        "no executor has reported for " + seconds(now - executor_) + ", so no action runs. Start one: fraiseql run, with run_executors = true");
  const auto fewer = [&](int there, int expected, std::string_view what, std::string_view key) {
    if (there >= expected) return;
    add(Level::degraded, "fewer_than_expected",
        std::to_string(there) + " of " + std::to_string(expected) + " expected " + std::string(what) + " report. Start more: fraiseql run; or lower " +
            std::string(key) + " in [health]");
  };
  fewer(bridges, config_.expect_bridges, "bridges", "expect_bridges");
  fewer(executors, config_.expect_executors, "executors", "expect_executors");

  const auto lag = newest_gauge(metric::lag_events, now);
  if (leads && lag && *lag > 0)
    add(grade(now - moved_, standing_is_degraded_after, standing_is_down_after), "position_stands",
        number(*lag) + " rows wait and none has been published for " + seconds(now - moved_) + " (position " + position_ +
            "). See the bridge's log, and: fraiseql check");
  const auto backlog = newest_gauge(metric::backlog_size, now);
  if (backlog && *backlog > 0) {
    const Clock::duration longest = std::chrono::milliseconds(executors ? longest_ms : usual_timeout_ms);
    add(grade(now - settled_, longest + standing_is_degraded_after, longest + standing_is_down_after), "nothing_settled",
        number(*backlog) + " events wait and none has been settled for " + seconds(now - settled_) + ". See the executors' logs, and: fraiseql check");
  }
  if (dead_letter_ && now - *dead_letter_ < dead_letters_are_told_for)
    add(Level::degraded, problem::dead_letters, "events became dead letters in the last 5 minutes. Look at them: fraiseql dlq list");
  // What is worst is read first.
  std::stable_sort(verdict.reasons.begin(), verdict.reasons.end(), [](const Reason& a, const Reason& b) { return a.level > b.level; });
  return verdict;
}

}  // namespace fraiseql
