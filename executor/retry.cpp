#include "executor/retry.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace fraiseql {

using std::chrono::milliseconds;

bool worth_retrying(const Outcome& outcome) {
  if (outcome.conclusive) return false;
  switch (outcome.failure) {
    case Failure::network:
    case Failure::timeout:
    case Failure::circuit_open:
    case Failure::http_429:
    case Failure::http_5xx:
    case Failure::smtp:
    case Failure::database:
      return true;
    case Failure::http_4xx:
      return outcome.http_status == 408;
    default:
      return false;
  }
}

std::optional<milliseconds> next_delay(const RetryPolicy& policy, unsigned attempt, double jitter) {
  if (attempt >= static_cast<unsigned>(std::max(policy.max_attempts, 1))) return std::nullopt;
  const auto capped = [&](double factor) {
    const double wanted = static_cast<double>(policy.initial_delay.count()) * factor;
    return std::min(wanted, static_cast<double>(policy.max_delay.count()));
  };
  double pause = static_cast<double>(policy.initial_delay.count());
  if (policy.backoff == RetryPolicy::Backoff::linear) pause = capped(attempt);
  // Beyond 2^62 any pause is past its cap; a larger exponent would be infinite.
  if (policy.backoff == RetryPolicy::Backoff::exponential)
    pause = capped(static_cast<double>(1ULL << std::min(attempt - 1, 62u))) * (1.0 - jitter / 4);
  return milliseconds(static_cast<milliseconds::rep>(pause));
}

std::optional<milliseconds> pause_after(const RetryPolicy& policy, unsigned attempt, const Outcome& outcome, double jitter) {
  if (!worth_retrying(outcome)) return std::nullopt;
  const auto own = next_delay(policy, attempt, jitter);
  if (!own || !outcome.retry_after) return own;
  return std::max(*own, std::min(*outcome.retry_after, policy.max_delay));
}

std::optional<milliseconds> parse_retry_after(std::string_view value, std::chrono::system_clock::time_point now) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t' || value.back() == '\r' || value.back() == '\n'))
    value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  if (value.front() >= '0' && value.front() <= '9') {
    constexpr long longest = 10L * 366 * 86400;  // seconds; above it the caller's cap decides anyway
    long seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc::result_out_of_range) return milliseconds(longest * 1000);
    if (end != value.data() + value.size()) return std::nullopt;
    return milliseconds(std::min(seconds, longest) * 1000);
  }
  const time_t date = curl_getdate(std::string(value).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  const auto pause = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::from_time_t(date) - now);
  return std::max(pause, milliseconds(0));
}

}  // namespace fraiseql
