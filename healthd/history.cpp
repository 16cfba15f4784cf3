#include "healthd/history.hpp"

#include <algorithm>

namespace fraiseql {

void History::add(const Sample& sample) {
  if (!samples_.empty() && sample.at_ms <= samples_.back().at_ms) return;
  samples_.push_back(sample);
  const std::int64_t longest = std::chrono::milliseconds(span).count();
  const std::size_t most = static_cast<std::size_t>(std::chrono::seconds(span).count());
  while (samples_.size() > most || samples_.back().at_ms - samples_.front().at_ms >= longest) samples_.pop_front();
}

std::vector<Sample> History::after(std::int64_t at_ms) const {
  const auto first = std::upper_bound(samples_.begin(), samples_.end(), at_ms, [](std::int64_t at, const Sample& one) { return at < one.at_ms; });
  return {first, samples_.end()};
}

}  // namespace fraiseql
