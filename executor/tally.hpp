#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

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
  void overflow();        ///< a dead letter for which there was no room
  void without_before();  ///< a condition that asks for earlier values, and an event that has none
  void incomparable();    ///< a condition that orders something other than two numbers or two strings
  void backlog(std::uint64_t messages);
  void letters(std::uint64_t messages);
  /// A name of a template that an event did not have. Whether it is this observer's first time with that name.
  bool unknown_name(const std::string& observer, std::string_view name);
  const Metrics& metrics() const { return metrics_; }
  /// What has no metric: adds the counts of conditions and templates to the details of a report.
  void tell(std::map<std::string, std::string>& details) const;

 private:
  Metrics metrics_;
  std::uint64_t without_before_ = 0, incomparable_ = 0;
  std::uint64_t unknown_names_ = 0;
  std::set<std::pair<std::string, std::string>> warned_names_;  ///< observer and name: as many as templates have
};

}  // namespace fraiseql
