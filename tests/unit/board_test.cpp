#include "healthd/board.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "common/status_names.hpp"
#include "healthd/answer.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

constexpr std::int64_t healthd_started_ms = 1'000'000;
const Board::Time start{};

HealthConfig config(int bridges = 1, int executors = 1) {
  HealthConfig config;
  config.stale_after = 5s;
  config.expect_bridges = bridges;
  config.expect_executors = executors;
  config.transport = "nats";
  config.stream_name = "fraiseql_events";
  return config;
}

/// A board on which everybody is well, unless a test says otherwise.
struct Scene {
  explicit Scene(HealthConfig with = config()) : board(with, healthd_started_ms, start) {}

  StatusReport bridge(const std::string& instance = "b-1") {
    StatusReport report = base("pg2nats-bridge", instance);
    report.postgres = Reach::ok;
    report.metrics.set(metric::leader, 1);
    report.metrics.set(metric::lag_events, 0);
    report.details["position_pk"] = "10";
    return report;
  }
  StatusReport executor(const std::string& instance = "e-1") {
    StatusReport report = base("executor", instance);
    report.details["longest_timeout_ms"] = "20000";
    report.metrics.set(metric::backlog_size, 0);
    return report;
  }
  StatusReport base(const std::string& component, const std::string& instance) {
    StatusReport report;
    report.component = component;
    report.instance = instance;
    report.pid = 7;
    report.host = "host";
    report.started_at_ms = healthd_started_ms + 1000;
    report.sequence = ++sequence;
    report.state = "running";
    report.jetstream = Reach::ok;
    return report;
  }
  void both(Board::Time now) {
    board.record(bridge(), now);
    board.record(executor(), now);
  }
  std::string codes(Board::Time now) {
    std::string out;
    for (const Reason& reason : board.verdict(now).reasons) out += (out.empty() ? "" : " ") + reason.code;
    return out;
  }
  Level level(Board::Time now) { return board.verdict(now).level; }

  Board board;
  std::uint64_t sequence = 0;
};

}  // namespace

namespace fraiseql {
std::ostream& operator<<(std::ostream& out, Level level) {
  return out << (level == Level::ok ? "ok" : level == Level::degraded ? "degraded" : "down");
}
}  // namespace fraiseql

BOOST_AUTO_TEST_SUITE(board)

BOOST_AUTO_TEST_CASE(a_bridge_that_leads_and_an_executor_make_ok) {
  Scene scene;
  scene.both(start + 1s);
  const Verdict verdict = scene.board.verdict(start + 2s);
  BOOST_TEST(verdict.level == Level::ok);
  BOOST_TEST(verdict.reasons.empty());
  BOOST_TEST((verdict.postgres == Reach::ok));
  BOOST_TEST(verdict.connected);
}

BOOST_AUTO_TEST_CASE(nobody_reports_is_degraded_at_once_when_somebody_is_expected_and_down_after_fifteen_seconds) {
  Scene scene;
  BOOST_TEST(scene.codes(start) == "fewer_than_expected fewer_than_expected");
  BOOST_TEST(scene.level(start + 14900ms) == Level::degraded);
  BOOST_TEST(scene.codes(start + 6s) == "nobody_reports no_leader no_executor fewer_than_expected fewer_than_expected");
  BOOST_TEST(scene.level(start + 15s) == Level::down);
  BOOST_TEST(!scene.board.verdict(start + 15s).connected);
  BOOST_TEST((scene.board.verdict(start + 15s).postgres == Reach::not_used));
}

BOOST_AUTO_TEST_CASE(nobody_reports_where_nobody_is_expected_is_degraded_after_the_limit) {
  Scene scene{config(0, 0)};
  BOOST_TEST(scene.level(start + 5s) == Level::ok);
  BOOST_TEST(scene.codes(start + 5001ms) == "nobody_reports");
  BOOST_TEST(scene.level(start + 15s) == Level::down);
}

BOOST_AUTO_TEST_CASE(postgresql_out_of_reach_is_degraded_after_one_report_and_down_after_fifteen_seconds) {
  Scene scene;
  scene.both(start);
  for (int second = 1; second <= 20; ++second) {
    StatusReport bridge = scene.bridge();
    bridge.postgres = Reach::unreachable;
    bridge.problems["postgres_unreachable"] = "connection refused.";
    scene.board.record(bridge, start + second * 1s);
    scene.board.record(scene.executor(), start + second * 1s);
    const Verdict verdict = scene.board.verdict(start + second * 1s);
    BOOST_TEST(verdict.level == (second < 16 ? Level::degraded : Level::down));
    BOOST_TEST(verdict.reasons.size() == 1u);
    BOOST_TEST(verdict.reasons[0].text.find("connection refused. Next: fraiseql check") != std::string::npos);
    BOOST_TEST((verdict.postgres == Reach::unreachable));
    BOOST_TEST(verdict.connected);
  }
  scene.both(start + 21s);
  BOOST_TEST(scene.level(start + 21s) == Level::ok);
}

BOOST_AUTO_TEST_CASE(with_transport_postgres_connected_is_what_postgresql_is) {
  HealthConfig settings = config(0, 1);
  settings.transport = "postgres";
  Scene scene{settings};
  StatusReport report = scene.executor();
  report.jetstream = Reach::unreachable;  // of its nats actions
  report.postgres = Reach::ok;
  scene.board.record(report, start + 1s);
  const Verdict well = scene.board.verdict(start + 1s);
  BOOST_TEST(well.connected);
  BOOST_TEST((well.postgres == Reach::ok));
  BOOST_TEST(health_json(well, settings).find(R"("observers":{"transport":"postgres","connected":true}})") != std::string::npos);
  report = scene.executor();
  report.postgres = Reach::unreachable;
  scene.board.record(report, start + 2s);
  BOOST_TEST(!scene.board.verdict(start + 2s).connected);
}

BOOST_AUTO_TEST_CASE(jetstream_out_of_reach_is_not_connected) {
  Scene scene;
  scene.both(start);
  StatusReport executor = scene.executor();
  executor.jetstream = Reach::unreachable;
  scene.board.record(executor, start + 1s);
  BOOST_TEST(!scene.board.verdict(start + 1s).connected);
  BOOST_TEST(scene.codes(start + 1s) == "jetstream_unreachable");
}

BOOST_AUTO_TEST_CASE(a_standby_without_a_leader_is_no_leader) {
  Scene scene{config(2, 0)};
  StatusReport standby = scene.bridge("b-2");
  standby.metrics.set(metric::leader, 0);
  standby.jetstream = Reach::not_used;
  standby.state = "standby";
  scene.board.record(standby, start);
  BOOST_TEST(scene.codes(start + 1s) == "fewer_than_expected");
  standby.sequence = ++scene.sequence;
  scene.board.record(standby, start + 14s);
  BOOST_TEST(scene.codes(start + 14s) == "no_leader fewer_than_expected");
  BOOST_TEST(scene.level(start + 14s) == Level::degraded);
  BOOST_TEST(scene.level(start + 15s) == Level::down);
}

BOOST_AUTO_TEST_CASE(rows_that_wait_while_the_position_stands_are_degraded_after_ten_and_down_after_sixty_seconds) {
  Scene scene;
  for (int second = 0; second <= 61; ++second) {
    StatusReport bridge = scene.bridge();
    bridge.metrics.set(metric::lag_events, second == 0 ? 0 : 5);
    scene.board.record(bridge, start + second * 1s);
    scene.board.record(scene.executor(), start + second * 1s);
    const Level expected = second < 10 ? Level::ok : second < 60 ? Level::degraded : Level::down;
    BOOST_TEST(scene.level(start + second * 1s) == expected, "second " << second << ": " << scene.codes(start + second * 1s));
  }
  StatusReport bridge = scene.bridge();
  bridge.metrics.set(metric::lag_events, 4);
  bridge.details["position_pk"] = "11";
  scene.board.record(bridge, start + 62s);
  BOOST_TEST(scene.level(start + 62s) == Level::ok);
}

BOOST_AUTO_TEST_CASE(a_backlog_of_which_nothing_is_settled_counts_from_the_longest_timeout) {
  Scene scene;
  for (int second = 0; second <= 81; ++second) {
    StatusReport executor = scene.executor();
    executor.metrics.set(metric::backlog_size, second == 0 ? 0 : 3);
    executor.metrics.count(metric::events_processed, {}, 100);
    scene.board.record(scene.bridge(), start + second * 1s);
    scene.board.record(executor, start + second * 1s);
    const Level expected = second < 30 ? Level::ok : second < 80 ? Level::degraded : Level::down;
    BOOST_TEST(scene.level(start + second * 1s) == expected, "second " << second << ": " << scene.codes(start + second * 1s));
  }
  StatusReport executor = scene.executor();
  executor.metrics.set(metric::backlog_size, 2);
  executor.metrics.count(metric::events_processed, {}, 101);
  scene.board.record(executor, start + 82s);
  scene.board.record(scene.bridge(), start + 82s);
  BOOST_TEST(scene.level(start + 82s) == Level::ok);
}

BOOST_DATA_TEST_CASE(a_problem_has_the_level_of_its_code,
                     data::make({"drift", "stream_nearly_full", "discarded_unread", "chain_off", "dlq_unwritable", "executors_behind", "settling",
                                 "broker_regression", "one_of_a_later_version", "no_stream", "database_copy", "stream_made_anew", "no_history"}) ^
                         data::make({0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2}),
                     code, kind) {
  Scene scene;
  for (int second = 0; second <= 20; ++second) {
    StatusReport bridge = scene.bridge();
    bridge.problems[code] = "what is wrong, and what to run";
    scene.board.record(bridge, start + second * 1s);
    scene.board.record(scene.executor(), start + second * 1s);
    const bool down = kind == 2 || (kind == 1 && second >= 15);
    BOOST_TEST(scene.level(start + second * 1s) == (down ? Level::down : Level::degraded));
  }
  BOOST_TEST(scene.codes(start + 20s) == code);
}

BOOST_AUTO_TEST_CASE(a_new_dead_letter_is_told_for_five_minutes_and_an_old_one_is_not) {
  Scene scene;
  scene.board.record(scene.bridge(), start);
  StatusReport executor = scene.executor();
  executor.metrics.set(metric::dlq_items, 5);
  scene.board.record(executor, start);
  BOOST_TEST(scene.codes(start) == "");
  executor.metrics.set(metric::dlq_items, 6);
  executor.sequence = ++scene.sequence;
  scene.board.record(executor, start + 1s);
  BOOST_TEST(scene.codes(start + 1s) == "dead_letters");
  executor.sequence = ++scene.sequence;
  scene.board.record(executor, start + 300s);
  scene.board.record(scene.bridge(), start + 300s);
  BOOST_TEST(scene.codes(start + 300s) == "dead_letters");
  BOOST_TEST(scene.codes(start + 301s) == "");
}

BOOST_AUTO_TEST_CASE(a_dead_letter_of_a_bridges_first_second_is_noticed) {
  Scene scene;
  StatusReport bridge = scene.bridge();
  bridge.metrics.count(metric::bridge_dead_letters, {{"reason", "oversize"}});
  scene.board.record(bridge, start);
  scene.board.record(scene.executor(), start);
  BOOST_TEST(scene.codes(start) == "dead_letters");
}

BOOST_AUTO_TEST_CASE(a_silent_process_is_told_after_the_limit_and_dropped_after_ten_times_that) {
  Scene scene{config(1, 1)};
  scene.both(start);
  scene.board.record(scene.executor("e-2"), start);
  const auto others = [&](int second) { scene.both(start + second * 1s); };
  others(5);
  BOOST_TEST(scene.codes(start + 5s) == "");
  others(6);
  BOOST_TEST(scene.codes(start + 6s) == "silent");
  BOOST_TEST(scene.level(start + 6s) == Level::degraded);
  others(50);
  scene.board.forget(start + 50s);
  BOOST_TEST(scene.codes(start + 50s) == "");
  BOOST_TEST(scene.board.entries().size() == 2u);
  BOOST_REQUIRE(scene.board.past().size() == 1u);
  BOOST_TEST(scene.board.past()[0].instance == "e-2");
  scene.board.forget(start + 50s + 10min + 1ms);
  BOOST_TEST(scene.board.past().size() == 2u);  // the others, by now; e-2 is no longer told
}

BOOST_AUTO_TEST_CASE(a_goodbye_is_forgotten_at_once_and_late_frames_do_not_bring_it_back) {
  Scene scene;
  scene.both(start);
  StatusReport late = scene.executor();
  StatusReport goodbye = scene.executor();
  goodbye.state = "stopped";
  BOOST_TEST(!scene.board.record(goodbye, start + 1s));
  BOOST_TEST(scene.board.entries().size() == 1u);
  BOOST_TEST(scene.codes(start + 1s) == "fewer_than_expected");
  BOOST_TEST(scene.board.record(late, start + 1s).value() == "out of date");
  scene.board.record(scene.bridge(), start + 6s);
  BOOST_TEST(scene.codes(start + 6s) == "no_executor fewer_than_expected");
}

BOOST_AUTO_TEST_CASE(a_restarted_process_takes_over_its_name_and_the_old_one_is_not_heard) {
  Scene scene;
  StatusReport old = scene.executor();
  scene.board.record(old, start);
  StatusReport young = scene.executor();
  young.started_at_ms += 5;
  young.sequence = 1;
  BOOST_TEST(!scene.board.record(young, start + 1s));
  old.sequence += 100;
  BOOST_TEST(scene.board.record(old, start + 2s).value() == "out of date");
  BOOST_TEST(scene.board.record(young, start + 2s).value() == "out of date");  // the same frame again
  BOOST_TEST(!scene.board.record(old, start + 10s));  // the clock was set back: the other one has fallen silent
}

BOOST_AUTO_TEST_CASE(ten_thousand_instances_are_too_many) {
  Scene scene;
  int taken = 0;
  for (int i = 0; i < 10'000; ++i) taken += !scene.board.record(scene.executor("e-" + std::to_string(i)), start);
  BOOST_TEST(taken == 1000);
}

BOOST_AUTO_TEST_CASE(gauges_are_the_newest_report_or_the_sum_and_not_of_the_silent) {
  Scene scene;
  StatusReport one = scene.executor("e-1"), two = scene.executor("e-2");
  one.metrics.set(metric::backlog_size, 5);
  two.metrics.set(metric::backlog_size, 7);
  scene.board.record(two, start + 1s);
  scene.board.record(one, start + 2s);
  BOOST_TEST(scene.board.newest_gauge(metric::backlog_size, start + 2s).value() == 5);
  BOOST_TEST(scene.board.sum_of_gauge(metric::backlog_size, start + 2s) == 12);
  BOOST_TEST(scene.board.sum_of_gauge(metric::backlog_size, start + 6500ms) == 5);
  BOOST_TEST(!scene.board.newest_gauge(metric::backlog_size, start + 8s));
}

BOOST_AUTO_TEST_CASE(what_a_bridge_repeats_after_it_has_lost_the_lead_is_not_believed) {
  Scene scene{config(2, 1)};
  scene.both(start);
  for (int second = 1; second <= 45; ++second) {
    StatusReport standby = scene.bridge("b-2");
    standby.metrics.set(metric::leader, 0);
    standby.metrics.set(metric::lag_events, 7);
    standby.metrics.set(metric::backlog_size, 0);
    StatusReport executor = scene.executor();
    executor.metrics.set(metric::backlog_size, 3);
    scene.board.record(scene.bridge(), start + second * 1s);
    scene.board.record(executor, start + second * 1s);
    scene.board.record(standby, start + second * 1s);
  }
  BOOST_TEST(scene.codes(start + 45s) == "nothing_settled");
  BOOST_TEST(scene.board.newest_gauge(metric::lag_events, start + 45s).value() == 0);
  BOOST_TEST(scene.board.newest_gauge(metric::backlog_size, start + 45s).value() == 3);
}

BOOST_AUTO_TEST_CASE(the_answer_has_the_documented_members_in_their_order) {
  Scene scene;
  scene.both(start);
  BOOST_TEST(health_json(scene.board.verdict(start), config()) ==
             R"({"status":"ok","databases":{"primary":{"status":"ok"}},"observers":{"transport":"nats","connected":true,"stream":"fraiseql_events"}})"
             "\n");
  BOOST_TEST(health_json(scene.board.verdict(start + 100s), config()) ==
             R"({"status":"down","databases":{"primary":{"status":"unknown"}},"observers":{"transport":"nats","connected":false,"stream":"fraiseql_events"}})"
             "\n");
}

BOOST_AUTO_TEST_SUITE_END()
