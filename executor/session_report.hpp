#pragma once

#include <map>
#include <string>

namespace fraiseql {

class DeadLetters;
class Observers;
class Tally;
class Worker;
struct StatusReport;

/// What every session tells health, wherever its messages come from.
///
/// `problems` gets, or loses, what is said of dead letters that cannot be written, and of observers on disk that are not in
/// force: `refused` says why, and is empty when they are.
void tell_problems(std::map<std::string, std::string>& problems, const DeadLetters& letters, const std::string& refused);

/// Counters, and what is under way.
void tell_work(StatusReport& report, const Worker& worker, const Observers& observers, const Tally& tally,
               const std::string& consumer);

}  // namespace fraiseql
