#include "healthd/health.hpp"

#include "common/log.hpp"
#include "common/status_names.hpp"
#include "healthd/exposition.hpp"
#include "healthd/status_answer.hpp"

namespace fraiseql {
namespace {

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Board::Time clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Health::Health(const HealthConfig& config)
    : config_(config), started_at_ms_(unix_ms()), started_(clock_now()), board_(config, started_at_ms_, started_), totals_(started_at_ms_) {
  for (const char* why : {"nonsense", "out of date", "too many instances"}) dropped_[why] = 0;
}

void Health::take(std::string_view frame) {
  const auto report = decode_status(frame);  // outside the lock: a flood of nonsense must not hold up answers
  if (!report) return drop("nonsense");
  const std::lock_guard lock(mutex_);
  const Board::Time now = clock_now();
  if (const auto why = board_.record(report.value(), now)) {
    ++dropped_[*why];
    return;
  }
  totals_.add(report.value());
  flow_.add(report.value(), now);
}

std::int64_t Health::unix_ms_of(Board::Time now) const {
  return started_at_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
}

void Health::drop(const std::string& why) {
  const std::lock_guard lock(mutex_);
  ++dropped_[why];
}

void Health::look() {
  const std::lock_guard lock(mutex_);
  const Board::Time now = clock_now();
  if (now - looked_ < std::chrono::seconds(1)) return;
  looked_ = now;
  board_.forget(now);
  flow_.forget(now);
  const Verdict verdict = board_.verdict(now);
  const Rates rates = flow_.total(now);
  history_.add({unix_ms_of(now), verdict.level, rates.published, rates.settled, board_.newest_gauge(metric::lag_events, now),
                board_.newest_gauge(metric::lag_seconds, now), board_.newest_gauge(metric::backlog_size, now)});
  if (verdict.level == logged_) return;
  logged_ = verdict.level;
  switch (verdict.level) {
    case Level::ok: return log::info("health is ok");
    case Level::degraded: return log::warn("health is degraded", {{"why", verdict.reasons.front().text}});
    case Level::down: return log::error("health is down", {{"why", verdict.reasons.front().text}});
  }
}

Level Health::level() {
  const std::lock_guard lock(mutex_);
  board_.forget(clock_now());
  return board_.verdict(clock_now()).level;
}

std::string Health::health(bool verbose, Level& level) {
  const std::lock_guard lock(mutex_);
  const Board::Time now = clock_now();
  board_.forget(now);
  const Verdict verdict = board_.verdict(now);
  level = verdict.level;
  return verbose ? verbose_json(verdict, config_, board_, dropped_, now) : health_json(verdict, config_);
}

std::string Health::metrics() {
  const std::lock_guard lock(mutex_);
  const Board::Time now = clock_now();
  board_.forget(now);
  return exposition(totals_, board_, dropped_, now);
}

std::string Health::status(std::optional<std::int64_t> since) {
  const std::lock_guard lock(mutex_);
  const Board::Time now = clock_now();
  board_.forget(now);
  return status_json({board_.verdict(now), config_, board_, dropped_, totals_, flow_, history_, now, started_at_ms_, unix_ms_of(now)}, since);
}

}  // namespace fraiseql
