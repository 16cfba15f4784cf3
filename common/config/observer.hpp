#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace fraiseql {

using std::chrono::milliseconds;

struct RetryPolicy {
  enum class Backoff { exponential, linear, fixed };
  int max_attempts = 3;  ///< counts the first try
  Backoff backoff = Backoff::exponential;
  milliseconds initial_delay{100};
  milliseconds max_delay{30000};
};

struct ActionConfig {
  std::string type;  ///< webhook, log
  std::string url;
  std::string method = "POST";
  std::vector<std::pair<std::string, std::string>> headers;  ///< in the order of the file
  milliseconds timeout{30000};
  std::string level = "info";  ///< of a log action
};

struct ObserverConfig {
  enum class OnFailure { dlq, log, alert };
  std::string name;
  std::string entity;      ///< "*": every entity
  std::string event_type;  ///< INSERT UPDATE DELETE CUSTOM, "*": all
  OnFailure on_failure = OnFailure::dlq;
  bool enabled = true;
  std::vector<ActionConfig> actions;
  RetryPolicy retry;
};

}  // namespace fraiseql
