#include "healthd/flow.hpp"

#include <boost/test/unit_test.hpp>

#include "common/status_names.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

const Board::Time start{};
const Board::Name executor{"executor", "e-1"};

StatusReport report(std::uint64_t settled, std::int64_t started_at_ms = 1000, const std::string& instance = "e-1") {
  StatusReport report;
  report.component = "executor";
  report.instance = instance;
  report.pid = 7;
  report.started_at_ms = started_at_ms;
  report.metrics.count(metric::events_processed, {}, settled);
  return report;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(flow)

BOOST_AUTO_TEST_CASE(a_rate_is_what_was_counted_between_reports_of_the_last_five_seconds) {
  Flow flow;
  flow.add(report(1'000'000), start);
  BOOST_TEST(flow.of(executor, start).settled == 0);  // what came before is no rate
  flow.add(report(1'000'010), start + 1s);
  BOOST_TEST(flow.of(executor, start + 1s).settled == 10);
  for (int second = 2; second <= 10; ++second) flow.add(report(1'000'010), start + 1s * second);
  BOOST_TEST(flow.of(executor, start + 10s).settled == 0);
}

BOOST_AUTO_TEST_CASE(uneven_reports_give_an_even_rate) {
  Flow flow;
  flow.add(report(0), start);
  flow.add(report(130), start + 1300ms);
  flow.add(report(190), start + 1900ms);
  flow.add(report(310), start + 3100ms);
  BOOST_TEST(flow.of(executor, start + 3100ms).settled == 100, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_process_that_is_late_or_has_just_restarted_has_no_rate) {
  Flow flow;
  flow.add(report(0), start);
  flow.add(report(10), start + 1s);
  BOOST_TEST(flow.of(executor, start + 2s).settled == 10);
  BOOST_TEST(flow.of(executor, start + 3s).settled == 0);
  flow.add(report(5, 2000), start + 3s);
  BOOST_TEST(flow.of(executor, start + 3s).settled == 0);
  flow.add(report(6, 2000), start + 4s);
  BOOST_TEST(flow.of(executor, start + 4s).settled == 1);
  flow.forget(start + 20s);
  BOOST_TEST(flow.of(executor, start + 4s).settled == 0);
}

BOOST_AUTO_TEST_CASE(the_total_adds_all_processes_and_labels) {
  Flow flow;
  for (const char* instance : {"e-1", "e-2"}) {
    StatusReport one = report(0, 1000, instance);
    flow.add(one, start);
    one.metrics.count(metric::events_processed, {}, 10);
    one.metrics.count(metric::action_executed, {{"action_type", "webhook"}}, 20);
    one.metrics.count(metric::action_executed, {{"action_type", "mail"}}, 5);
    one.metrics.count(metric::action_errors, {{"action_type", "mail"}, {"error_type", "smtp"}}, 2);
    flow.add(one, start + 1s);
  }
  StatusReport bridge;
  bridge.component = "pg2nats-bridge";
  bridge.instance = "b-1";
  flow.add(bridge, start);
  bridge.metrics.count(metric::events_published, {}, 30);
  bridge.metrics.count(metric::bridge_dead_letters, {{"reason", "oversize"}}, 1);
  flow.add(bridge, start + 1s);
  const Rates total = flow.total(start + 1s);
  BOOST_TEST(total.read == 31);
  BOOST_TEST(total.published == 30);
  BOOST_TEST(total.settled == 20);
  BOOST_TEST(total.actions == 50);
  BOOST_TEST(total.errors == 4);
}

BOOST_AUTO_TEST_CASE(a_process_that_floods_is_measured_all_the_same) {
  Flow flow;
  for (int i = 0; i <= 10'000; ++i) flow.add(report(static_cast<std::uint64_t>(i)), start + i * 1ms);
  BOOST_TEST(flow.of(executor, start + 10s).settled == 1000, boost::test_tools::tolerance(0.001));
}

BOOST_AUTO_TEST_SUITE_END()
