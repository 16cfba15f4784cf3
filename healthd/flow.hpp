#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "healthd/board.hpp"

namespace fraiseql {

/// Things per second.
struct Rates {
  double read = 0;       ///< rows taken from the change log: published, or dead letters
  double published = 0;  ///< known to be stored in the stream
  double settled = 0;    ///< events that executors are done with
  double actions = 0;    ///< tries of actions
  double errors = 0;     ///< tries that failed
};

/// How fast each process goes: what it has counted between its reports of the last five seconds. Pure.
class Flow {
 public:
  void add(const StatusReport& report, Board::Time now);
  void forget(Board::Time now);  ///< whoever has not reported for the five seconds

  Rates of(const Board::Name& process, Board::Time now) const;  ///< nothing: it has reported once, or is late
  Rates total(Board::Time now) const;

 private:
  struct Mark {
    Board::Time at;
    std::pair<std::int64_t, int> process;  ///< start and pid: a restarted process counts from nothing
    Rates counted;
  };
  std::map<Board::Name, std::deque<Mark>> marks_;
};

}  // namespace fraiseql
