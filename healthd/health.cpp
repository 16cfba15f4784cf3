#include "healthd/health.hpp"

#include "common/log.hpp"
#include "healthd/exposition.hpp"

namespace fraiseql {
namespace {

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Board::Time clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Health::Health(const HealthConfig& config) : config_(config), board_(config, unix_ms(), clock_now()), totals_(unix_ms()) {
  for (const char* why : {"nonsense", "out of date", "too many instances"}) dropped_[why] = 0;
}

void Health::take(std::string_view frame) {
  const auto report = decode_status(frame);  // outside the lock: a flood of nonsense must not hold up answers
  if (!report) return drop("nonsense");
  const std::lock_guard lock(mutex_);
  if (const auto why = board_.record(report.value(), clock_now())) ++dropped_[*why];
  else totals_.add(report.value());
}

void Health::drop(const std::string& why) {
  const std::lock_guard lock(mutex_);
  ++dropped_[why];
}

void Health::log_changes() {
  const std::lock_guard lock(mutex_);
  const Board::Time now = clock_now();
  if (now - looked_ < std::chrono::seconds(1)) return;
  looked_ = now;
  board_.forget(now);
  const Verdict verdict = board_.verdict(now);
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

}  // namespace fraiseql
