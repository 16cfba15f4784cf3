#include "healthd/totals.hpp"

#include <boost/test/unit_test.hpp>

#include "common/status_names.hpp"
#include "healthd/exposition.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t healthd_started_ms = 1000;

StatusReport report(std::uint64_t processed, std::int64_t started_at_ms = 2000, const std::string& instance = "e-1") {
  StatusReport one;
  one.component = "executor";
  one.instance = instance;
  one.started_at_ms = started_at_ms;
  one.metrics.count(metric::events_processed, {}, processed);
  return one;
}

std::uint64_t processed(const Totals& totals) { return totals.counters().at({std::string(metric::events_processed), {}}); }

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(totals)

BOOST_AUTO_TEST_CASE(a_process_younger_than_healthd_counts_in_full_and_an_older_one_from_its_first_report) {
  Totals totals{healthd_started_ms};
  totals.add(report(10, 2000, "young"));
  BOOST_TEST(processed(totals) == 10u);
  totals.add(report(500, 500, "old"));
  BOOST_TEST(processed(totals) == 10u);
  totals.add(report(503, 500, "old"));
  totals.add(report(11, 2000, "young"));
  BOOST_TEST(processed(totals) == 14u);
}

BOOST_AUTO_TEST_CASE(a_total_grows_on_when_a_process_restarts) {
  Totals totals{healthd_started_ms};
  totals.add(report(10, 2000));
  totals.add(report(3, 3000));
  totals.add(report(4, 3000));
  BOOST_TEST(processed(totals) == 14u);
}

BOOST_AUTO_TEST_CASE(counters_that_go_backward_within_a_process_neither_lower_nor_inflate_a_total) {
  Totals totals{healthd_started_ms};
  for (const std::uint64_t value : {10u, 0u, 10u, 0u, 10u, 11u}) totals.add(report(value));
  BOOST_TEST(processed(totals) == 11u);
}

BOOST_AUTO_TEST_CASE(histograms_add_up_bucket_by_bucket) {
  Totals totals{healthd_started_ms};
  StatusReport one = report(0);
  one.metrics.observe(metric::end_to_end, metric::duration_bounds(), 0.002);
  totals.add(one);
  one.metrics.observe(metric::end_to_end, metric::duration_bounds(), 0.002);
  one.metrics.observe(metric::end_to_end, metric::duration_bounds(), 100);
  totals.add(one);
  totals.add(one);
  const Histogram& total = totals.histograms().at({std::string(metric::end_to_end), {}});
  BOOST_TEST(total.counts[1] == 2u);
  BOOST_TEST(total.counts.back() == 1u);
  BOOST_TEST(total.sum == 100.004, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(unknown_names_labels_and_bounds_are_left_out) {
  Totals totals{healthd_started_ms};
  const auto before = totals.counters().size();
  StatusReport one = report(0);
  one.metrics.count("something_else_total");
  one.metrics.count(metric::events_failed);
  one.metrics.count(metric::events_failed, {{"kind", "network"}});
  one.metrics.count(metric::events_processed, {{"error_type", "network"}});
  one.metrics.observe(metric::processing_duration, {1, 2}, 1);
  totals.add(one);
  BOOST_TEST(totals.counters().size() == before);
  BOOST_TEST(totals.histograms().at({std::string(metric::processing_duration), {}}).counts[9] == 0u);
}

BOOST_AUTO_TEST_CASE(labels_may_come_in_any_order) {
  Totals totals{healthd_started_ms};
  StatusReport one = report(0);
  one.metrics.count(metric::action_errors, {{"error_type", "network"}, {"action_type", "webhook"}}, 2);
  totals.add(one);
  BOOST_TEST(totals.counters().at({std::string(metric::action_errors), {{"action_type", "webhook"}, {"error_type", "network"}}}) == 2u);
}

BOOST_AUTO_TEST_CASE(strangers_cannot_make_it_grow_for_ever) {
  Totals totals{healthd_started_ms};
  for (int i = 0; i < 5000; ++i) {
    StatusReport one = report(1, 2000, "e-" + std::to_string(i));
    one.metrics.count(metric::events_failed, {{"error_type", std::to_string(i)}});
    totals.add(one);
  }
  BOOST_TEST(totals.counters().size() <= 2000u);
  BOOST_TEST(processed(totals) == 5000u);
}

BOOST_AUTO_TEST_CASE(every_metric_is_in_the_text_from_the_beginning) {
  HealthConfig config;
  config.stale_after = 5s;
  const Board board{config, healthd_started_ms, {}};
  const std::string text = exposition(Totals{healthd_started_ms}, board, {}, {});
  BOOST_TEST(has_line(text, "fraiseql_observer_events_processed_total 0"));
  BOOST_TEST(has_line(text, "fraiseql_bridge_leader 0"));
  BOOST_TEST(has_line(text, "fraiseql_observer_end_to_end_seconds_count 0"));
  BOOST_TEST(has_line(text, "# TYPE fraiseql_observer_end_to_end_seconds histogram"));
  BOOST_TEST(has_line(text, "# TYPE fraiseql_bridge_lag_events gauge"));
  BOOST_TEST(has_line(text, "# TYPE fraiseql_observer_action_errors_total counter"));
  BOOST_TEST(has_line(text, "# TYPE fraiseql_component_up gauge"));
  BOOST_TEST(text.find("# HELP fraiseql_bridge_lag_seconds ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_text_holds_cumulative_buckets_and_escapes_labels) {
  HealthConfig config;
  config.stale_after = 5s;
  Board board{config, healthd_started_ms, {}};
  Totals totals{healthd_started_ms};
  StatusReport one = report(5, 2000, "say \"x\"\\");
  one.state = "running";
  one.metrics.observe(metric::action_duration, metric::duration_bounds(), 0.002, {{"action_type", "webhook"}});
  one.metrics.observe(metric::action_duration, metric::duration_bounds(), 0.7, {{"action_type", "webhook"}});
  board.record(one, {});
  totals.add(one);
  const std::string text = exposition(totals, board, {{"nonsense", 3}}, {});
  BOOST_TEST(has_line(text, R"(fraiseql_component_up{component="executor",instance="say \"x\"\\"} 1)"));
  BOOST_TEST(has_line(text, R"(fraiseql_observer_action_duration_seconds_bucket{action_type="webhook",le="0.001"} 0)"));
  BOOST_TEST(has_line(text, R"(fraiseql_observer_action_duration_seconds_bucket{action_type="webhook",le="0.5"} 1)"));
  BOOST_TEST(has_line(text, R"(fraiseql_observer_action_duration_seconds_bucket{action_type="webhook",le="+Inf"} 2)"));
  BOOST_TEST(has_line(text, R"(fraiseql_healthd_dropped_reports_total{reason="nonsense"} 3)"));
}

BOOST_AUTO_TEST_SUITE_END()
