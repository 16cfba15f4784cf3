#include "healthd/status_answer.hpp"

#include <rapidjson/document.h>

#include <boost/test/unit_test.hpp>

#include "common/status_names.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

const Board::Time start{};

struct Scene {
  HealthConfig config = [] {
    HealthConfig made;
    made.stale_after = 5s;
    made.expect_bridges = 0;
    made.expect_executors = 1;
    made.transport = "nats";
    made.stream_name = "fraiseql_events";
    return made;
  }();
  Board board{config, 1'000'000, start};
  Totals totals{1'000'000};
  Flow flow;
  History history;
  Dropped dropped;
  std::uint64_t sequence = 0;

  StatusReport report(std::uint64_t settled) {
    StatusReport one;
    one.component = "executor";
    one.instance = "e-1";
    one.pid = 7;
    one.started_at_ms = 1'000'500;
    one.sequence = ++sequence;
    one.state = "running";
    one.jetstream = Reach::ok;
    one.metrics.count(metric::events_processed, {}, settled);
    one.metrics.count(metric::events_failed, {{"error_type", "http_5xx"}}, 2);
    one.metrics.set(metric::dlq_items, 3);
    one.metrics.set(metric::backlog_size, 4);
    return one;
  }
  void take(const StatusReport& one, Board::Time now) {
    board.record(one, now);
    totals.add(one);
    flow.add(one, now);
  }
  rapidjson::Document answer(Board::Time now, std::optional<std::int64_t> since = std::nullopt) {
    const std::int64_t now_ms = 1'000'000 + std::chrono::duration_cast<std::chrono::milliseconds>(now - start).count();
    rapidjson::Document document;
    document.Parse(status_json({board.verdict(now), config, board, dropped, totals, flow, history, now, 1'000'000, now_ms}, since));
    BOOST_REQUIRE(document.IsObject());
    return document;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(status_answer)

BOOST_AUTO_TEST_CASE(it_tells_what_flows_and_what_has_failed) {
  Scene scene;
  scene.take(scene.report(0), start + 1s);
  scene.take(scene.report(12), start + 2s);
  const auto answer = scene.answer(start + 2s);
  BOOST_TEST(answer["status"].GetString() == "ok");
  BOOST_TEST(answer["healthd"]["now_ms"].GetInt64() == 1'002'000);
  BOOST_TEST(answer["rates"]["settled"].GetDouble() == 12);
  BOOST_TEST(answer["components"][0]["rates"]["settled"].GetDouble() == 12);
  BOOST_TEST(answer["backlog"].GetInt() == 4);
  BOOST_TEST(answer["lag"]["events"].IsNull());
  BOOST_TEST(answer["dead_letters"]["kept"].GetInt() == 3);
  BOOST_TEST(answer["dead_letters"]["failed"]["http_5xx"].GetInt() == 2);
  BOOST_TEST(answer["dead_letters"]["unpublishable"].ObjectEmpty());
  BOOST_TEST(!answer.HasMember("history"));
}

BOOST_AUTO_TEST_CASE(a_process_is_late_before_it_is_silent) {
  Scene scene;
  scene.take(scene.report(0), start + 1s);
  const auto reports = [&](Board::Time now) { return std::string(scene.answer(now)["components"][0]["reports"].GetString()); };
  BOOST_TEST(reports(start + 2s) == "in time");
  BOOST_TEST(reports(start + 2500ms) == "in time");
  BOOST_TEST(reports(start + 2600ms) == "late");
  BOOST_TEST(reports(start + 6s) == "late");
  BOOST_TEST(reports(start + 7s) == "silent");
  BOOST_TEST(scene.answer(start + 7s)["reasons"][0]["command"].GetString() == "fraiseql check");
}

BOOST_AUTO_TEST_CASE(samples_come_when_they_are_asked_for) {
  Scene scene;
  scene.history.add({1'000'001, Level::degraded, 1.25, 0, 7, 0.5, std::nullopt});
  scene.history.add({1'001'001, Level::ok, 0, 0, 0, 0, 9});
  const auto all = scene.answer(start + 2s, 0);
  BOOST_REQUIRE(all["history"].Size() == 2u);
  const auto& first = all["history"][0];
  BOOST_TEST(first[0].GetInt64() == 1'000'001);
  BOOST_TEST(first[1].GetInt() == 1);
  BOOST_TEST(first[2].GetDouble() == 1.3, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(first[4].GetInt() == 7);
  BOOST_TEST(first[5].GetDouble() == 0.5);
  BOOST_TEST(first[6].IsNull());
  BOOST_TEST(scene.answer(start + 2s, 1'000'001)["history"].Size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
