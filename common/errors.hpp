#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

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

/// The peer answers, and what it says lets the session go no further. `problem` is its word in the status report
/// (common/status_names.hpp), so that health gives this reason and does not call the peer unreachable.
class Refused : public Unavailable {
 public:
  Refused(std::string_view problem_, const std::string& what) : Unavailable(what), problem(problem_) {}
  std::string problem;
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
