// What /health and /metrics say of the real pipeline while each of its parts is lost and comes back.
#define BOOST_TEST_MODULE health_verdict
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <thread>

#include "tests/support/pipeline_fixture.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct HealthFixture : PipelineFixture {
  HealthFixture() : PipelineFixture(Settings{{"health", "stale_after_secs = 2\nexpect_bridges = 1\nexpect_executors = 2\n"}}) {}
  std::optional<Child> healthd{program(HEALTHD, "healthd")}, bridge{program(PG2NATS_BRIDGE, "bridge")};
  std::optional<Child> first{program(EXECUTOR, "executor-1")}, second{program(EXECUTOR, "executor-2")};
  void healthd_restarted(std::size_t acted);
};

/// A metric without labels, -1 when /metrics does not have it or does not answer.
double metric(int port, const std::string& name) {
  const std::string body = "\n" + http_get(port, "/metrics").body;
  const auto at = body.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::atof(body.c_str() + at + name.size() + 2);
}

/// Watches the totals for as long as it lives. One healthd must outlive it.
class TotalsWatch {
 public:
  explicit TotalsWatch(int port)
      : watcher_([this, port](const std::stop_token& stop) {
          double published = 0, processed = 0;
          while (!stop.stop_requested()) {
            for (auto& [name, last] : {std::pair<const char*, double&>{"fraiseql_bridge_events_published_total", published},
                                       {"fraiseql_observer_events_processed_total", processed}}) {
              const double now = metric(port, name);
              if (now < 0) continue;
              if (now < last) ++went_down;
              last = now;
              ++looks;
            }
            std::this_thread::sleep_for(50ms);
          }
        }) {}
  std::atomic<int> went_down{0}, looks{0};

 private:
  std::jthread watcher_;
};

// Its restart is a plain reset of counters: what the others have counted before is no increment, what they count after it is.
void HealthFixture::healthd_restarted(std::size_t acted) {
  // What the old one has not heard of yet would count as an increment of the new one.
  const auto processed = [&] { return metric(health_port, "fraiseql_observer_events_processed_total"); };
  BOOST_TEST(eventually([&] { return processed() == static_cast<double>(acted); }), Later{[&] { return std::to_string(processed()); }});
  healthd->kill();
  BOOST_TEST(health().status == 0);
  healthd.emplace(program(HEALTHD, "healthd"));
  BOOST_TEST(says("ok"), verbose());
  TotalsWatch totals(health_port);
  insert(50);
  BOOST_TEST(eventually([&] { return acted_on() == acted + 50 && settled(); }), progress());
  BOOST_TEST(eventually([&] { return metric(health_port, "fraiseql_observer_events_processed_total") == 50; }), Later{[this] { return http_get(health_port, "/metrics").body + health(true).body; }});
  BOOST_TEST(totals.went_down == 0);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(health_verdict, HealthFixture)

BOOST_AUTO_TEST_CASE(health_goes_down_and_up_with_each_part_and_no_total_goes_down) {
  BOOST_REQUIRE_MESSAGE(says("ok"), verbose());
  insert(50);
  BOOST_REQUIRE(eventually([&] { return acted_on() == 50; }));
  BOOST_TEST(eventually([&] { return metric(health_port, "fraiseql_observer_events_processed_total") == 50; }));
  {
    TotalsWatch totals(health_port);

    // One executor of two: fewer than expected. No leader and no executor, at the same time: each is told, and each is down.
    first->kill();
    BOOST_TEST(says("degraded"));
    BOOST_TEST(eventually([&] { return reason("degraded", "fewer_than_expected"); }));
    bridge->kill();
    second->kill();
    BOOST_TEST(eventually([&] { return reason("degraded", "no_leader") && reason("degraded", "no_executor"); }, 12s),
               health(true).body);
    BOOST_TEST(eventually([&] { return reason("down", "no_leader") && reason("down", "no_executor"); }), verbose());
    BOOST_TEST(health().status == 503);
    BOOST_TEST(http_get(health_port, "/readyz").status == 503);
    BOOST_TEST(http_get(health_port, "/livez").status == 200);
    // The bridge alone does not make it well, nor do executors without one; each takes its own reason away.
    bridge.emplace(program(PG2NATS_BRIDGE, "bridge"));
    BOOST_TEST(eventually([&] { return !reason("down", "no_leader"); }), verbose());
    BOOST_TEST(reason("down", "no_executor"), verbose());
    first.emplace(program(EXECUTOR, "executor-1"));
    second.emplace(program(EXECUTOR, "executor-2"));
    BOOST_TEST(says("ok"), verbose());

    nats.kill();
    BOOST_TEST(says("degraded"));
    BOOST_TEST(says("down"), verbose());
    BOOST_TEST(eventually([&] { return reason("down", "jetstream_unreachable"); }, 10s), verbose());
    BOOST_TEST(health().body.find("\"connected\":false") != std::string::npos, verbose());
    nats.start();
    BOOST_TEST(says("ok", 45s), verbose());

    postgres_server().stop();
    BOOST_TEST(says("degraded"));
    BOOST_TEST(eventually([&] { return health().body.find(R"("primary":{"status":"down"})") != std::string::npos; }),
               health(true).body);
    BOOST_TEST(says("down"), verbose());
    BOOST_TEST(eventually([&] { return reason("down", "postgres_unreachable"); }, 10s), verbose());
    postgres_server().start();
    BOOST_TEST(says("ok", 45s), verbose());

    insert(50);
    BOOST_TEST(eventually([&] { return acted_on() == 100 && settled(); }), progress());
    BOOST_TEST(totals.looks > 100);
    BOOST_TEST(totals.went_down == 0);
  }
}

BOOST_AUTO_TEST_CASE(healthd_restarted_says_ok_again_and_counts_on) {
  BOOST_REQUIRE_MESSAGE(says("ok"), verbose());
  insert(50);
  BOOST_REQUIRE(eventually([&] { return acted_on() == 50; }));
  healthd_restarted(50);
}

BOOST_AUTO_TEST_SUITE_END()
