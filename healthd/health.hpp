#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "healthd/answer.hpp"
#include "healthd/board.hpp"
#include "healthd/totals.hpp"

namespace fraiseql {

/// All that healthd knows: frames in, answers out. Thread-safe; no call waits for anything but the others.
class Health {
 public:
  explicit Health(const HealthConfig& config);

  void take(std::string_view frame);
  /// Counts a frame that was not even worth reading.
  void drop(const std::string& why);

  /// One log line when the verdict is no longer what it was. To be called often; looks once a second.
  void log_changes();

  Level level();
  std::string health(bool verbose, Level& level);
  std::string metrics();

 private:
  const HealthConfig config_;
  std::mutex mutex_;
  Board board_;
  Totals totals_;
  Dropped dropped_;
  Level logged_ = Level::ok;
  Board::Time looked_{};
};

}  // namespace fraiseql
