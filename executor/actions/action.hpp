#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/config/observer.hpp"
#include "executor/event.hpp"
#include "executor/outcome.hpp"

namespace fraiseql {

class Blocking;
class HttpClient;
class Loop;
class Requests;
class Tally;

/// What actions act with. Belongs to the session; everything outlives what runs.
struct ActionTools {
  Loop& loop;
  HttpClient& http;
  Blocking& blocking;  ///< threads for libraries that block
  Requests* nats;      ///< null where no action needs it
};

/// One try of an action. The event and the observer's name stay valid until the try is over or broken off.
struct Try {
  const Event& event;
  const std::string& observer;
  unsigned attempt;  ///< counts from 1
  std::chrono::system_clock::time_point now;
  std::size_t number;      ///< of the action among its observer's, from 1
  Tally* tally = nullptr;  ///< counts the names that templates have and the event has not; null in a dry run
};

/// A try that runs. To destroy it is to break it off: its `done` is then not called. `done` itself may destroy it.
class Running {
 public:
  virtual ~Running() = default;
};

/// One action of one observer, compiled and checked. Immutable. A new kind of action is one file that derives from this,
/// and one line in registry.cpp.
class Action {
 public:
  using Done = std::function<void(Outcome)>;
  virtual ~Action() = default;

  /// Whose slots and circuit it shares, such as "example.com:443"; empty: it needs none.
  virtual const std::string& host() const = 0;
  /// Starts one try. `done` is called once, from the loop, and never before this returns. Throws Unrenderable when a
  /// template's text cannot be used: `done` is then not called.
  virtual std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const = 0;
  /// What a try would do, on one line, for a dry run. Without secrets.
  virtual std::string preview(const Try& attempt) const = 0;
  /// For --check: asks the peer whether it would do, blocking for a few seconds. What is wrong on one line, without secrets;
  /// empty when nothing is.
  virtual std::string complaint() const { return {}; }
};

/// Compiles an action. Throws ConfigError (`file:line: key: what is wrong`; for a mistake in a template with the text and a
/// caret under it on two more lines).
std::unique_ptr<const Action> make_action(const ActionConfig& config, const ActionSettings& settings);

}  // namespace fraiseql
