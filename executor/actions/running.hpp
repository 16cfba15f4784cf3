#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "executor/actions/action.hpp"
#include "executor/http_client.hpp"

// The ways in which a try runs.
namespace fraiseql {

/// A try that is over already; `done` is called at the loop's next turn.
std::unique_ptr<Running> run_nothing(Loop& loop, Outcome outcome, Action::Done done);

/// An HTTP request. `body`, when given, takes the place of the request's own and is kept for as long as it runs.
std::unique_ptr<Running> run_request(HttpClient& http, HttpRequest request, std::optional<std::string> body, Action::Done done);

/// Work that blocks, on one of the threads. It must own all that it looks at: after the try is broken off it may still run.
/// What it throws (any std::exception) is a network failure.
std::unique_ptr<Running> run_blocking(const ActionTools& tools, std::function<Outcome()> work, Action::Done done);

}  // namespace fraiseql
