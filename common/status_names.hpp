#pragma once

#include <string_view>
#include <vector>

/// The words of status reports that healthd acts on. Bridge and executor write them, healthd reads them; another word
/// would be a fact that nobody sees.
namespace fraiseql {

namespace component_name {
inline constexpr std::string_view bridge = "pg2nats-bridge";
inline constexpr std::string_view executor = "executor";
}  // namespace component_name

/// Keys of StatusReport::problems. A code that is not listed here makes the verdict `degraded` at once, never `down`.
namespace problem {
// Words for a Reach of `unreachable` (the Reach is what counts, and these alone do nothing): down after 15 s.
inline constexpr std::string_view postgres_unreachable = "postgres_unreachable";
inline constexpr std::string_view jetstream_unreachable = "jetstream_unreachable";
// Degraded at once, down after 15 s: the process runs and cannot do its job.
inline constexpr std::string_view no_stream = "no_stream";          ///< the stream is missing
inline constexpr std::string_view not_permitted = "not_permitted";  ///< NATS or PostgreSQL refuses a right
inline constexpr std::string_view schema = "schema";                ///< a table or column that we need is gone
// Degraded at once, never down.
inline constexpr std::string_view drift = "drift";                        ///< stream or consumer is not as configured
inline constexpr std::string_view dead_letters = "dead_letters";          ///< healthd sees new letters in the metrics, too
inline constexpr std::string_view stream_nearly_full = "stream_nearly_full";
inline constexpr std::string_view discarded_unread = "discarded_unread";
inline constexpr std::string_view chain_off = "chain_off";                ///< the ordering chain is switched off
inline constexpr std::string_view dlq_unwritable = "dlq_unwritable";
inline constexpr std::string_view observers_refused = "observers_refused";  ///< SIGHUP met a file with a mistake
inline constexpr std::string_view executors_behind = "executors_behind";  ///< the bridge holds back
inline constexpr std::string_view settling = "settling";                  ///< waits until the duplicate window has passed
inline constexpr std::string_view broker_regression = "broker_regression";  ///< the stream lost its tail, which was published again
inline constexpr std::string_view publish_refused = "publish_refused";    ///< stream full, account limits
// Down at once.
inline constexpr std::string_view database_copy = "database_copy";
inline constexpr std::string_view stream_made_anew = "stream_made_anew";
inline constexpr std::string_view no_history = "no_history";              ///< nor is there an earlier checkpoint to go back to
}  // namespace problem

/// Keys of StatusReport::details that healthd reads. Any other is shown in ?verbose as it is.
namespace detail_key {
inline constexpr std::string_view position_pk = "position_pk";                ///< bridge: last published pk, decimal
inline constexpr std::string_view longest_timeout_ms = "longest_timeout_ms";  ///< executor: of all its actions, decimal
}  // namespace detail_key

/// Every metric that a report may hold (health.md says type and labels). healthd drops other names.
namespace metric {
inline constexpr std::string_view events_processed = "fraiseql_observer_events_processed_total";
inline constexpr std::string_view events_failed = "fraiseql_observer_events_failed_total";      ///< error_type
inline constexpr std::string_view events_retried = "fraiseql_observer_events_retried_total";
inline constexpr std::string_view action_executed = "fraiseql_observer_action_executed_total";  ///< action_type
inline constexpr std::string_view action_errors = "fraiseql_observer_action_errors_total";      ///< action_type, error_type
inline constexpr std::string_view action_duration = "fraiseql_observer_action_duration_seconds";  ///< action_type
inline constexpr std::string_view processing_duration = "fraiseql_observer_processing_duration_seconds";
inline constexpr std::string_view end_to_end = "fraiseql_observer_end_to_end_seconds";
inline constexpr std::string_view backlog_size = "fraiseql_observer_backlog_size";
inline constexpr std::string_view dlq_items = "fraiseql_observer_dlq_items";
inline constexpr std::string_view dlq_overflow = "fraiseql_observer_dlq_overflow_total";
inline constexpr std::string_view events_published = "fraiseql_bridge_events_published_total";
inline constexpr std::string_view duplicates = "fraiseql_bridge_duplicates_total";
inline constexpr std::string_view publish_errors = "fraiseql_bridge_publish_errors_total";      ///< reason
inline constexpr std::string_view bridge_dead_letters = "fraiseql_bridge_dead_letters_total";   ///< reason
inline constexpr std::string_view lag_events = "fraiseql_bridge_lag_events";    ///< set by the leader only
inline constexpr std::string_view lag_seconds = "fraiseql_bridge_lag_seconds";  ///< set by the leader only
inline constexpr std::string_view in_flight = "fraiseql_bridge_in_flight";
inline constexpr std::string_view leader = "fraiseql_bridge_leader";            ///< 0 or 1, set by every bridge
inline constexpr std::string_view publish_delay = "fraiseql_bridge_publish_delay_seconds";
inline constexpr std::string_view broker_regressions = "fraiseql_bridge_broker_regressions_total";

/// Bounds of every histogram above; observations with other bounds are dropped by healthd.
inline const std::vector<double>& duration_bounds() {
  static const std::vector<double> bounds{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
  return bounds;
}
}  // namespace metric

}  // namespace fraiseql
