#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "healthd/answer.hpp"
#include "healthd/board.hpp"
#include "healthd/flow.hpp"
#include "healthd/history.hpp"
#include "healthd/totals.hpp"

namespace fraiseql {

/// All that healthd knows: frames in, answers out. Thread-safe; no call waits for anything but the others.
class Health {
 public:
  explicit Health(const HealthConfig& config);

  void take(std::string_view frame);
  /// Counts a frame that was not even worth reading.
  void drop(const std::string& why);

  /// One log line when the verdict is no longer what it was, and a sample for the history. To be called often; looks once
  /// a second.
  void look();

  Level level();
  std::string health(bool verbose, Level& level);
  std::string metrics();
  /// The JSON of GET /status.json; with the samples after `since` (Unix time, milliseconds), when it is given.
  std::string status(std::optional<std::int64_t> since);

 private:
  std::int64_t unix_ms_of(Board::Time now) const;

  const HealthConfig config_;
  // One reading of both clocks: later ones in Unix time follow the steady clock, so that samples stay in order.
  const std::int64_t started_at_ms_;
  const Board::Time started_;
  std::mutex mutex_;
  Board board_;
  Totals totals_;
  Flow flow_;
  History history_;
  Dropped dropped_;
  Level logged_ = Level::ok;
  Board::Time looked_{};
};

}  // namespace fraiseql
