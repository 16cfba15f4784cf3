#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "healthd/board.hpp"

namespace fraiseql {

/// How things stood at one moment.
struct Sample {
  std::int64_t at_ms = 0;  ///< Unix time
  Level level = Level::ok;
  double published = 0, settled = 0;                       ///< per second
  std::optional<double> lag_events, lag_seconds, backlog;  ///< none: nobody said
};

/// The samples of the last 15 minutes, and never more than one a second of them. Pure.
class History {
 public:
  static constexpr std::chrono::minutes span{15};

  /// One that is not later than the one before is left out.
  void add(const Sample& sample);
  std::vector<Sample> after(std::int64_t at_ms) const;
  std::size_t size() const { return samples_.size(); }

 private:
  std::deque<Sample> samples_;
};

}  // namespace fraiseql
