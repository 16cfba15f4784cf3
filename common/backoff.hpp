#pragma once

#include <algorithm>
#include <chrono>

namespace fraiseql {

/// Pauses between attempts to reach a peer: doubling from the first to the longest. Pure: the dice are an argument.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest) : first_(first), longest_(longest), next_(first) {}

  /// The pause before the next attempt. `jitter` in [0, 1] shortens it by up to half, so that peers do not return in step.
  std::chrono::milliseconds next(double jitter) {
    const auto pause = next_;
    next_ = std::min(next_ * 2, longest_);
    return std::chrono::milliseconds(static_cast<long>(static_cast<double>(pause.count()) * (1.0 - jitter / 2)));
  }
  void reset() { next_ = first_; }

 private:
  std::chrono::milliseconds first_, longest_, next_;
};

}  // namespace fraiseql
