#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace fraiseql {

/// Why a try of an action, or a whole event, failed. The names are the closed label values `error_type` of the metrics.
enum class Failure {
  none,
  network,
  timeout,
  tls,
  refused_address,
  circuit_open,
  http_3xx,
  http_4xx,
  http_410,
  http_429,
  http_5xx,
  unusable_template,  ///< what a template came to cannot be used
  smtp,               ///< the mail server said no
  database,           ///< PostgreSQL said no
  undecodable,
  max_deliveries,
};

std::string_view label(Failure failure);
std::optional<Failure> failure_named(std::string_view name);

/// What one try of an action came to.
struct Outcome {
  Failure failure = Failure::none;
  int http_status = 0;                                   ///< 0: no answer, or not HTTP
  std::string why;                                       ///< one line for a person; empty on success
  std::optional<std::chrono::milliseconds> retry_after;  ///< what the other side asked for
  bool conclusive = false;                               ///< the other side answered: no other try brings another answer

  bool succeeded() const { return failure == Failure::none; }
};

/// What an HTTP status means: 2xx is success, and whatever is not 3xx to 5xx is a failure to speak HTTP.
Failure failure_of_status(int status);

}  // namespace fraiseql
