// Rows that have waited for a bridge, and events that have waited for executors.
#define BOOST_TEST_MODULE backlog
#include <boost/test/unit_test.hpp>
#include <unordered_set>

#include "tests/support/pipeline_fixture.hpp"
#include "tests/support/programs.hpp"
#include "tests/support/usage.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(backlog, PipelineFixture)

BOOST_AUTO_TEST_CASE(two_hundred_thousand_waiting_rows_are_drained_in_order_once_each_in_flat_memory) {
  insert(200'000, 20'000);
  Child bridge = program(PG2NATS_BRIDGE, "bridge");
  const auto since = std::chrono::steady_clock::now();
  BOOST_REQUIRE(reaches(200'000, 120s));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since);
  const long peak = peak_kb(bridge.pid());
  std::fprintf(stderr, "200000 rows in %lld ms, the bridge at most %ld kB\n", static_cast<long long>(took.count()), peak);
  BOOST_TEST(peak > 0);
  BOOST_TEST((sanitized || peak < 40 * 1024));
  const Audit found = audit();
  BOOST_TEST(found.clean(), found);
}

BOOST_AUTO_TEST_CASE(executors_started_late_act_on_five_thousand_waiting_events_once_each) {
  insert(5'000, 500);
  Child bridge = program(PG2NATS_BRIDGE, "bridge");
  BOOST_REQUIRE(reaches(5'000));
  Child first = program(EXECUTOR, "executor-1"), second = program(EXECUTOR, "executor-2");
  BOOST_TEST(eventually([&] { return acted_on() == 5'000 && settled(); }, 60s), progress());
  BOOST_TEST(receiver.requests("/all").size() == 5'000u);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
