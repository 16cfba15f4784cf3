#include "healthd/flow.hpp"

#include <algorithm>

#include "common/status_names.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr auto window = 5s;
constexpr auto closest = 500ms;  // a process that floods us does not fill our memory
constexpr std::size_t most_processes = 1000;

Rates counted(const StatusReport& report) {
  const auto sum = [&](std::string_view name) {
    double all = 0;
    const auto& counters = report.metrics.counters;
    for (auto one = counters.lower_bound({std::string(name), {}}); one != counters.end() && one->first.first == name; ++one)
      all += static_cast<double>(one->second);
    return all;
  };
  const double published = sum(metric::events_published);
  return {published + sum(metric::bridge_dead_letters), published, sum(metric::events_processed), sum(metric::action_executed),
          sum(metric::action_errors)};
}

}  // namespace

void Flow::add(const StatusReport& report, Board::Time now) {
  const Board::Name name{report.component, report.instance};
  if (!marks_.contains(name) && marks_.size() >= most_processes) return;
  auto& marks = marks_[name];
  const std::pair process{report.started_at_ms, report.pid};
  if (!marks.empty() && marks.back().process != process) marks.clear();
  if (marks.size() > 1 && now - marks[marks.size() - 2].at < closest) marks.pop_back();
  marks.push_back({now, process, counted(report)});
  while (marks.size() > 1 && now - marks.front().at > window) marks.pop_front();
}

void Flow::forget(Board::Time now) {
  std::erase_if(marks_, [&](const auto& one) { return now - one.second.back().at > window; });
}

Rates Flow::of(const Board::Name& process, Board::Time now) const {
  const auto found = marks_.find(process);
  if (found == marks_.end() || Board::late(found->second.back().at, now)) return {};
  const Mark& first = found->second.front();
  const Mark& last = found->second.back();
  const double seconds = std::chrono::duration<double>(last.at - first.at).count();
  if (seconds <= 0) return {};
  const auto rate = [&](double Rates::*what) { return std::max(0.0, last.counted.*what - first.counted.*what) / seconds; };
  return {rate(&Rates::read), rate(&Rates::published), rate(&Rates::settled), rate(&Rates::actions), rate(&Rates::errors)};
}

Rates Flow::total(Board::Time now) const {
  Rates total;
  for (const auto& [name, marks] : marks_) {
    const Rates one = of(name, now);
    for (const auto what : {&Rates::read, &Rates::published, &Rates::settled, &Rates::actions, &Rates::errors}) total.*what += one.*what;
  }
  return total;
}

}  // namespace fraiseql
