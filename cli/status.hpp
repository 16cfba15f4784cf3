#pragma once

#include <iosfwd>
#include <string>

namespace fraiseql {

struct General;

struct StatusOptions {
  std::string healthd;  ///< host:port; empty: health.listen
  bool watch = false;   ///< again every second, until SIGTERM or Ctrl-C, or nobody reads
};

/// `fraiseql status`: what healthd says, else what PostgreSQL and NATS give away. Returns 0 when that is ok, 1 when it is not or
/// healthd is away, and 0 after --watch. Throws ConfigError.
int status(const General& general, const StatusOptions& options, std::ostream& out);

}  // namespace fraiseql
