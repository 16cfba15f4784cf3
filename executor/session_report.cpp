#include "executor/session_report.hpp"

#include <algorithm>

#include "common/status.hpp"
#include "common/status_names.hpp"
#include "executor/observers.hpp"
#include "executor/origin.hpp"
#include "executor/tally.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

void tell_problems(std::map<std::string, std::string>& problems, const DeadLetters& letters, const std::string& refused) {
  const auto tell = [&](std::string_view name, bool there, const std::string& what) {
    if (there)
      problems[std::string(name)] = what;
    else
      problems.erase(std::string(name));
  };
  tell(problem::dlq_unwritable, letters.failing(),
       "a dead letter cannot be written (" + letters.why() + "); nothing new is taken until it can: fraiseql check");
  tell(problem::observers_refused, !refused.empty(),
       "the observers on disk are not in force, those from before go on (mend them, then SIGHUP again): " + refused);
}

void tell_work(StatusReport& report, const Worker& worker, const Observers& observers, const Tally& tally,
               const std::string& consumer) {
  milliseconds longest{0};
  for (const auto& observer : observers.all())
    for (const auto& action : observer.actions) longest = std::max(longest, action.timeout);
  report.details["held"] = std::to_string(worker.held());
  report.details["running_actions"] = std::to_string(worker.running());
  report.details["consumer"] = consumer;
  report.details[std::string(detail_key::longest_timeout_ms)] = std::to_string(longest.count());
  tally.tell(report.details);
  report.metrics = tally.metrics();
}

}  // namespace fraiseql
