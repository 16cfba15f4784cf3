#pragma once

#include <chrono>
#include <string>

#include "common/status.hpp"
#include "executor/outcome.hpp"

namespace fraiseql {

/// What an executor counts, under the names of the metrics page.
class Tally {
 public:
  using Seconds = std::chrono::duration<double>;

  Tally();
  void action(const std::string& type, const Outcome& outcome, Seconds took);  ///< one try
  void retried();
  void failed(Failure why);    ///< an event that did not come through whole
  void settled(Seconds held);  ///< an event, failed ones included
  void end_to_end(Seconds since_the_change);
  void overflow();  ///< a dead letter for which there was no room
  void backlog(std::uint64_t messages);
  void letters(std::uint64_t messages);
  const Metrics& metrics() const { return metrics_; }

 private:
  Metrics metrics_;
};

}  // namespace fraiseql
