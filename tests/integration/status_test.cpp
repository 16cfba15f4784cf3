// fraiseql status: with healthd, and of the real servers without.
#define BOOST_TEST_MODULE status
#include <signal.h>
#include <sysexits.h>

#include <boost/test/unit_test.hpp>

#include "tests/support/pipeline_fixture.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct StatusFixture : PipelineFixture {
  StatusFixture() : PipelineFixture(Settings{{"health", "stale_after_secs = 2\n"}}) {}

  std::vector<std::string> command(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), {FRAISEQL_COMMAND, "status", "--config", file});
    return arguments;
  }
  Child::Options options() const {
    Child::Options made;
    made.environment["DATABASE_URL"] = database;
    return made;
  }
  Finished status(std::vector<std::string> arguments = {}) const { return run(command(std::move(arguments)), options()); }
  bool tells(const Finished& finished, const std::string& words) const { return finished.out.find(words) != std::string::npos; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(status, StatusFixture)

BOOST_AUTO_TEST_CASE(it_says_what_healthd_says) {
  std::optional<Child> healthd{program(HEALTHD, "healthd")}, bridge{program(PG2NATS_BRIDGE, "bridge")}, executor{program(EXECUTOR, "executor-1")};
  BOOST_REQUIRE_MESSAGE(says("ok"), verbose());
  insert(10);
  BOOST_REQUIRE(eventually([&] { return acted_on() == 10; }));
  const Finished well = status();
  BOOST_TEST(well.status == 0);
  BOOST_TEST(well.out.starts_with("ok  says healthd "), well.out);
  BOOST_TEST(tells(well, "executor-1"), well.out);
  BOOST_TEST(well.err.empty());
  const Finished json = status({"--format", "json"});
  BOOST_TEST(json.status == 0);
  BOOST_TEST(json.out.starts_with(R"({"status":"ok","databases":{"primary":{"status":"ok"}})"), json.out);
  BOOST_TEST(tells(json, R"("healthd":{"version":)"));
  BOOST_TEST(status({"--healthd", "localhost:" + std::to_string(health_port)}).status == 0);

  executor->kill();
  BOOST_REQUIRE(says("degraded"));
  const Finished degraded = status();
  BOOST_TEST(degraded.status == 1);
  BOOST_TEST(degraded.out.starts_with("degraded  says healthd "), degraded.out);
  BOOST_TEST(tells(degraded, "executor executor-1 on "), degraded.out);
  BOOST_TEST(tells(degraded, "next: fraiseql check"), degraded.out);
}

BOOST_AUTO_TEST_CASE(without_healthd_it_asks_the_servers) {
  const Finished nothing = status({"--format", "json"});
  BOOST_TEST(nothing.status == 1);
  BOOST_TEST(tells(nothing, R"("code":"no_leader")"), nothing.out);
  BOOST_TEST(tells(nothing, R"("code":"no_stream")"), nothing.out);
  BOOST_TEST(tells(status(), "fraiseql_events, JetStream answers, there is no such stream\n"));

  std::optional<Child> bridge{program(PG2NATS_BRIDGE, "bridge")}, executor{program(EXECUTOR, "executor-1")};
  insert(10);
  BOOST_REQUIRE(eventually([&] { return acted_on() == 10 && settled(); }));
  Finished flowing;
  BOOST_TEST(eventually([&] {
    flowing = status();
    return tells(flowing, "no row waits") && tells(flowing, "at row 10") && tells(flowing, "led by pg2nats-bridge");
  }), flowing.out);
  BOOST_TEST(flowing.status == 1);
  BOOST_TEST(flowing.out.starts_with("degraded  say the servers themselves; healthd is away"), flowing.out);
  BOOST_TEST(tells(flowing, "fraiseql_events, JetStream answers, 10 messages, sequences 1 to 10"), flowing.out);
  BOOST_TEST(tells(flowing, "0 events wait, 0 are not acknowledged"), flowing.out);

  executor->kill();
  bridge->kill();
  insert(5);
  BOOST_TEST(eventually([&] {
    flowing = status();
    return tells(flowing, "no bridge leads");
  }), flowing.out);
  BOOST_TEST(flowing.out.starts_with("down  say "), flowing.out);
  BOOST_TEST(tells(flowing, "5 rows wait, the oldest for "), flowing.out);

  nats.kill();
  const Finished half = status();
  BOOST_TEST(half.status == 1);
  BOOST_TEST(tells(half, "NATS cannot be asked: "), half.out);
  BOOST_TEST(tells(half, "5 rows wait"), half.out);
  BOOST_TEST(tells(half, "fraiseql_events, JetStream does not answer\n"), half.out);
  nats.start();
  postgres_server().stop();
  const Finished other_half = status();
  postgres_server().start();
  BOOST_TEST(other_half.status == 1);
  BOOST_TEST(tells(other_half, "PostgreSQL cannot be asked: "), other_half.out);
  BOOST_TEST(tells(other_half, "10 messages"), other_half.out);
}

BOOST_AUTO_TEST_CASE(without_a_broker_it_asks_postgresql_for_the_executor) {
  file = directory.file("postgres.toml", "[transport]\ntransport = \"postgres\"\n[health]\nlisten = \"127.0.0.1:" + std::to_string(health_port) +
                                             "\"\nstatus_endpoint = \"ipc://" + (directory / "status").string() + "\"\n");
  BOOST_TEST(tells(status(), "no executor reads the change log"), status().out);
  insert(7);
  BOOST_TEST(tells(status(), "7 rows wait"), status().out);
  std::optional<Child> executor{program(EXECUTOR, "executor-1")};
  Finished read;
  BOOST_TEST(eventually([&] {
    read = status();
    return tells(read, "no row waits") && tells(read, "fraiseql_observer_worker: at row 7") && tells(read, "led by fraiseql executor");
  }), read.out);
  BOOST_TEST(read.out.starts_with("degraded  say"), read.out);
  BOOST_TEST(!tells(read, "stream"), read.out);
  BOOST_TEST(tells(read, "0 kept"), read.out);
}

BOOST_AUTO_TEST_CASE(watch_goes_on_until_it_is_stopped_whoever_answers) {
  Child watching(command({"--watch", "--format", "json"}), options());
  BOOST_TEST(eventually([&] { return watching.out().find("\"healthd\":null") != std::string::npos; }));
  std::optional<Child> healthd{program(HEALTHD, "healthd")};
  BOOST_TEST(eventually([&] { return watching.out().find("\"healthd\":{") != std::string::npos; }));
  const auto lines = [&] {
    const std::string out = watching.out();
    return std::count(out.begin(), out.end(), '\n');
  };
  const auto before = lines();
  BOOST_TEST(eventually([&] { return lines() >= before + 2; }));
  watching.signal(SIGTERM);
  BOOST_TEST(watching.wait() == 0);
}

BOOST_AUTO_TEST_CASE(bad_input_is_one_clear_error) {
  for (const char* address : {"nowhere", ":1", "h:", "h:x", "http://h:1", "h:1/x"}) {
    const Finished refused = status({"--healthd", address});
    BOOST_TEST(refused.status == EX_USAGE, address);
    BOOST_TEST(refused.err.find("not HOST:PORT") != std::string::npos, refused.err);
    BOOST_TEST(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
  }
  // Somebody else answers there.
  const Finished stranger = status({"--healthd", receiver.url("").substr(7)});
  BOOST_TEST(stranger.status == 1);
  BOOST_TEST(tells(stranger, "healthd does not answer ("), stranger.out);
}

BOOST_AUTO_TEST_SUITE_END()
