#include "executor/retry_source.hpp"

namespace fraiseql {

std::optional<std::string> not_retried(std::string_view reason) {
  if (reason == "action_failed" || reason == "max_deliveries") return std::nullopt;
  if (reason == "undecodable") return "undecodable: what is no event stays none; remove it when it has been looked at";
  return "its reason is " + (reason.empty() ? std::string("missing") : std::string(reason)) + ", which this version does not know";
}

}  // namespace fraiseql
