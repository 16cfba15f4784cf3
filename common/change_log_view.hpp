#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/change_log.hpp"

namespace fraiseql {

/// A reader of the change log as anybody sees it who looks into the database.
struct ReaderView {
  bool schema = false;  ///< the change log and the checkpoints are there; without them nothing below is known
  bool known = false;   ///< it has a checkpoint: it has run once
  std::int64_t cursor = 0;
  double saved_seconds_ago = 0;
  bool led = false;      ///< somebody holds its lock
  std::string led_by;    ///< the session's application name and address, as far as we may see them
  Waiting waiting;       ///< behind the cursor; an estimate
  std::int64_t letters = 0;  ///< in core.tb_observer_dlq
};

/// Looks at the reader `transport_name`: the bridge's checkpoint, or an executor's without a broker. Changes nothing and takes
/// no lock. Throws ConfigError for a URL that is none, Unavailable when the server does not answer or refuses.
ReaderView look_at_reader(const std::string& url, const std::string& transport_name);

}  // namespace fraiseql
