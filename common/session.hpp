#pragma once

#include <chrono>
#include <functional>
#include <random>


#include "common/backoff.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/stop.hpp"

namespace fraiseql {

/// Runs `body` until a stop is requested; when it throws Unavailable, says why, pauses, and runs it again from nothing.
/// A session that lasted for ten seconds starts the pauses anew. `lost` is told the reason and may be empty.
inline void run_sessions(StopSignal& stop, Backoff backoff, const std::function<void()>& body,
                         const std::function<void(const Unavailable&)>& lost = {}) {
  std::minstd_rand dice{std::random_device{}()};
  std::uniform_real_distribution<double> jitter;
  while (!stop.requested()) {
    const auto began = std::chrono::steady_clock::now();
    try {
      body();
      if (stop.requested()) return;
      continue;
    } catch (const SessionOver& e) {
      log::warn("session over", {{"why", e.what()}});
      if (lost) lost(e);
      continue;
    } catch (const Unavailable& e) {
      if (std::chrono::steady_clock::now() - began > std::chrono::seconds(10)) backoff.reset();
      const auto pause = backoff.next(jitter(dice));
      log::warn("session lost", {{"why", e.what()}, {"retry_in_ms", pause.count()}});
      if (lost) lost(e);
      if (stop.wait_for(pause)) return;
    }
  }
}

}  // namespace fraiseql
