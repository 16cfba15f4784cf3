#include "healthd/board.hpp"

#include <algorithm>

#include "common/status_names.hpp"
#include "healthd/gauge.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

// Bounds on what strangers can make us remember.
constexpr std::size_t most_instances = 1000;
constexpr std::size_t most_past = 100;
constexpr std::size_t most_departed = 1000;
constexpr auto past_is_told_for = 10min;

std::uint64_t sum_of_counter(const StatusReport& report, std::string_view name) {
  std::uint64_t sum = 0;
  for (const auto& [key, value] : report.metrics.counters)
    if (key.first == name) sum += value;
  return sum;
}

/// Keeps the moment at which something began, as long as it lasts.
void since(std::optional<Board::Time>& began, bool lasts, Board::Time now) {
  if (!lasts) began.reset();
  else if (!began) began = now;
}

}  // namespace

Board::Board(const HealthConfig& config, std::int64_t started_at_ms, Time started)
    : config_(config), started_at_ms_(started_at_ms), anybody_(started), leader_(started), executor_(started), settled_(started), moved_(started) {}

std::optional<std::string> Board::record(StatusReport report, Time now) {
  const Name name{report.component, report.instance};
  const Process process{report.component, report.instance, report.started_at_ms, report.pid};
  if (departed_.contains(process)) return "out of date";
  const auto known = entries_.find(name);
  const StatusReport* before = nullptr;
  if (known != entries_.end()) {
    const StatusReport& last = known->second.report;
    const bool same = last.started_at_ms == report.started_at_ms && last.pid == report.pid;
    if (same && report.sequence <= last.sequence) return "out of date";
    // A restarted process takes over its name. The older of two that share a name is not heard, unless the clock was
    // set back between them and the newer one has fallen silent.
    if (!same && report.started_at_ms < last.started_at_ms && fresh(known->second, now)) return "out of date";
    if (same) before = &last;
  } else if (entries_.size() >= most_instances) {
    return "too many instances";
  }
  follow_progress(report, before, now);
  if (report.state == "stopped") {
    entries_.erase(name);
    if (departed_.size() >= most_departed) departed_.erase(departed_.begin());
    departed_[process] = now;
    return std::nullopt;
  }
  Entry& entry = entries_[name];
  since(entry.postgres_lost, report.postgres == Reach::unreachable, now);
  since(entry.jetstream_lost, report.jetstream == Reach::unreachable, now);
  std::erase_if(entry.problem_since, [&](const auto& one) { return !report.problems.contains(one.first); });
  for (const auto& [code, text] : report.problems) entry.problem_since.try_emplace(code, now);
  entry.report = std::move(report);
  entry.heard = now;
  return std::nullopt;
}

void Board::follow_progress(const StatusReport& report, const StatusReport* before, Time now) {
  anybody_ = now;
  // What a process has counted before its first report counts when it began after us.
  const auto grew_by = [&](std::string_view counter) -> std::uint64_t {
    const std::uint64_t value = sum_of_counter(report, counter);
    const std::uint64_t base = before ? sum_of_counter(*before, counter) : report.started_at_ms >= started_at_ms_ ? 0 : value;
    return value > base ? value - base : 0;
  };
  if (report.component == component_name::executor) {
    if (report.state != "stopped") executor_ = now;
    if (grew_by(metric::events_processed) > 0) settled_ = now;
  }
  if (const auto backlog = gauge(report, metric::backlog_size); backlog && *backlog <= 0 && sees_the_pipeline(report)) settled_ = now;
  if (gauge(report, metric::leader).value_or(0) > 0) {
    if (report.state != "stopped") leader_ = now;
    const auto position = report.details.find(std::string(detail_key::position_pk));
    const std::string at = position == report.details.end() ? "" : position->second;
    if (at != position_ || gauge(report, metric::lag_events).value_or(0) <= 0) moved_ = now;
    position_ = at;
  }
  const auto letters = gauge(report, metric::dlq_items);
  const auto letters_before = before ? gauge(*before, metric::dlq_items) : std::nullopt;
  if (grew_by(metric::bridge_dead_letters) > 0 || grew_by(metric::dlq_overflow) > 0 || (letters && letters_before && *letters > *letters_before))
    dead_letter_ = now;
}

void Board::forget(Time now) {
  const auto limit = 10 * config_.stale_after;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (now - entry->second.heard < limit) {
      ++entry;
      continue;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
    past_.push_back({entry->first.first, entry->first.second,
                     "fell silent without a goodbye (killed, frozen or cut off) and was dropped after " + std::to_string(seconds) + " s", now});
    entry = entries_.erase(entry);
  }
  while (!past_.empty() && (past_.size() > most_past || now - past_.front().at > past_is_told_for)) past_.pop_front();
  std::erase_if(departed_, [&](const auto& one) { return now - one.second > past_is_told_for; });
}

std::optional<double> Board::newest_gauge(std::string_view name, Time now) const {
  std::optional<double> value;
  Time heard{};
  for (const auto& [ignored, entry] : entries_) {
    if (!fresh(entry, now) || !sees_the_pipeline(entry.report) || (value && entry.heard < heard)) continue;
    if (const auto one = gauge(entry.report, name)) {
      value = one;
      heard = entry.heard;
    }
  }
  return value;
}

double Board::sum_of_gauge(std::string_view name, Time now) const {
  double sum = 0;
  for (const auto& [ignored, entry] : entries_)
    if (fresh(entry, now)) sum += gauge(entry.report, name).value_or(0);
  return sum;
}

}  // namespace fraiseql
