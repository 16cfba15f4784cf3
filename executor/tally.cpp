#include "executor/tally.hpp"

#include <algorithm>

#include "common/status_names.hpp"

namespace fraiseql {

Tally::Tally() {
  // Present from the first report, so that a rate can be taken of the first event too.
  metrics_.count(metric::events_processed, {}, 0);
  metrics_.count(metric::events_retried, {}, 0);
  metrics_.count(metric::dlq_overflow, {}, 0);
}

void Tally::action(const std::string& type, const Outcome& outcome, Seconds took) {
  metrics_.count(metric::action_executed, {{"action_type", type}});
  if (!outcome.succeeded())
    metrics_.count(metric::action_errors, {{"action_type", type}, {"error_type", std::string(label(outcome.failure))}});
  metrics_.observe(metric::action_duration, metric::duration_bounds(), took.count(), {{"action_type", type}});
}

void Tally::retried() { metrics_.count(metric::events_retried); }
void Tally::failed(Failure why) { metrics_.count(metric::events_failed, {{"error_type", std::string(label(why))}}); }

void Tally::settled(Seconds held) {
  metrics_.count(metric::events_processed);
  metrics_.observe(metric::processing_duration, metric::duration_bounds(), held.count());
}

// Clocks of two machines may disagree: a change from the future took no time.
void Tally::end_to_end(Seconds since) {
  metrics_.observe(metric::end_to_end, metric::duration_bounds(), std::max(since.count(), 0.0));
}
void Tally::overflow() { metrics_.count(metric::dlq_overflow); }
void Tally::without_before() { ++without_before_; }
void Tally::incomparable() { ++incomparable_; }

bool Tally::unknown_name(const std::string& observer, std::string_view name) {
  ++unknown_names_;
  return warned_names_.emplace(observer, name).second;
}

void Tally::tell(std::map<std::string, std::string>& details) const {
  details["conditions_without_before"] = std::to_string(without_before_);
  details["conditions_incomparable"] = std::to_string(incomparable_);
  details["template_unknown_names"] = std::to_string(unknown_names_);
}

void Tally::backlog(std::uint64_t messages) { metrics_.set(metric::backlog_size, static_cast<double>(messages)); }
void Tally::letters(std::uint64_t messages) { metrics_.set(metric::dlq_items, static_cast<double>(messages)); }

}  // namespace fraiseql
