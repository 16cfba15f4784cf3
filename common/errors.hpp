#pragma once

#include <stdexcept>
#include <string>

namespace fraiseql {

/// A peer (PostgreSQL, NATS) is gone or does not answer. Ends the session: drop everything, back off, start anew.
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Of the two peers, PostgreSQL: so that a report can say which one is away.
class DatabaseUnavailable : public Unavailable {
 public:
  using Unavailable::Unavailable;
};

/// The session ended for a reason that a pause would not mend: start the next one at once.
class SessionOver : public Unavailable {
 public:
  using Unavailable::Unavailable;
};

/// The settings, the schema or a server's version are wrong: a human has to act. Exit code 78 (EX_CONFIG), no retry.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace fraiseql
