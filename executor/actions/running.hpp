#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "executor/actions/action.hpp"
#include "executor/http_client.hpp"

// The ways in which a try runs.
namespace fraiseql {

/// A try that is over already; `done` is called at the loop's next turn.
std::unique_ptr<Running> run_nothing(Loop& loop, Outcome outcome, Action::Done done);

/// An HTTP request. `body`, when given, takes the place of the request's own and is kept for as long as it runs.
std::unique_ptr<Running> run_request(HttpClient& http, HttpRequest request, std::optional<std::string> body, Action::Done done);

/// Work that blocks, and how long it may take. It must own all that it looks at: after the try is broken off it may still
/// run, and shall then end soon, as it shall when its time is over: the token asks for that. What it throws (any
/// std::exception) is a network failure.
struct BlockingWork {
  std::string lane;                 ///< the peer's name: lanes do not hold each other up
  std::chrono::milliseconds limit;  ///< from now; then the try is a timeout, whatever its thread still does
  std::function<Outcome(const std::stop_token&)> run;
};
std::unique_ptr<Running> run_blocking(const ActionTools& tools, BlockingWork work, Action::Done done);

}  // namespace fraiseql
