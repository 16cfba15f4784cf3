#define BOOST_TEST_MODULE bridge_kill
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/support/bridge_fixture.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

// FRAISEQL_TEST_SEED replays the moments of an earlier run.
std::mt19937 seeded() {
  const char* given = std::getenv("FRAISEQL_TEST_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::fprintf(stderr, "seed %u\n", seed);
  return std::mt19937(seed);
}

// A random moment: until the stream has grown by some messages, or at the latest after some time.
void some_progress(const BridgeFixture& fixture, std::mt19937& dice, unsigned most) {
  const std::uint64_t target = fixture.stored() + dice() % most;
  const auto limit = std::chrono::milliseconds(dice() % 1500);
  eventually([&] { return fixture.stored() >= target; }, limit);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bridge_kill, BridgeFixture)

BOOST_AUTO_TEST_CASE(killed_at_random_moments_it_loses_repeats_and_reorders_nothing) {
  auto dice = seeded();
  const std::string file = configuration();
  std::thread writer([&] {
    for (int i = 0; i < 40; ++i) insert(500, 50);
  });
  for (int kills = 0; kills < 15; ++kills) {
    Child bridge = start(file);
    some_progress(*this, dice, 2000);
    bridge.kill();
  }
  writer.join();
  Child bridge = start(file);
  BOOST_REQUIRE(reaches(20'000));
  BOOST_TEST(audit().clean(), audit());
}

BOOST_AUTO_TEST_CASE(the_tail_prevents_duplicates_when_the_window_of_the_server_has_passed) {
  auto dice = seeded();
  reader.link().api("STREAM.CREATE.fraiseql_events", R"({"name":"fraiseql_events","subjects":["fraiseql.mutation.>"],"storage":"file","duplicate_window":1000000000})");
  const std::string file = configuration({{"transport.nats.jetstream", "manage = false\n"}});
  for (int kills = 0; kills < 5; ++kills) {
    insert(2'000, 50);
    const std::uint64_t before = stored();
    {
      Child bridge = start(file);
      const std::uint64_t target = std::min<std::uint64_t>(before + 1 + dice() % 1500, 2000u * (static_cast<unsigned>(kills) + 1));
      BOOST_REQUIRE(eventually([&] { return stored() >= target; }));
      bridge.kill();
    }
    std::this_thread::sleep_for(1200ms);  // the server forgets its ids by its own clock only
  }
  Child bridge = start(file);
  BOOST_REQUIRE(reaches(10'000));
  BOOST_TEST(audit().clean(), audit());
}

BOOST_AUTO_TEST_CASE(nats_server_killed_and_restarted_under_load) {
  auto dice = seeded();
  Child bridge = start();
  std::thread writer([&] {
    for (int i = 0; i < 40; ++i) insert(500, 50);
  });
  for (int kills = 0; kills < 4; ++kills) {
    some_progress(*this, dice, 4000);
    nats.restart();
    BOOST_REQUIRE(eventually([&] { return reader.link().connected(); }));
  }
  writer.join();
  BOOST_REQUIRE(reaches(20'000));
  BOOST_TEST(audit().clean(), audit());
  BOOST_TEST(bridge.running());
}

BOOST_AUTO_TEST_CASE(postgresql_restarted_under_load) {
  auto dice = seeded();
  Child bridge = start();
  for (int kills = 0; kills < 3; ++kills) {
    insert(5000, 50);
    some_progress(*this, dice, 4000);
    postgres_server().restart();
  }
  BOOST_REQUIRE(reaches(15'000));
  BOOST_TEST(audit().clean(), audit());
  BOOST_TEST(bridge.running());
}

BOOST_AUTO_TEST_CASE(a_standby_takes_over_within_two_seconds) {
  const std::string file = configuration();
  Child first = start(file);
  insert(100);
  BOOST_REQUIRE(reaches(100));
  Child second = start(file);
  BOOST_REQUIRE(eventually([&] { return second.err().find("standing by") != std::string::npos; }));
  first.kill();
  const auto killed = std::chrono::steady_clock::now();
  insert(100);
  BOOST_REQUIRE(reaches(200));
  const auto took = std::chrono::steady_clock::now() - killed;
  BOOST_TEST_MESSAGE("taken over after " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
  BOOST_TEST((took < 2s));
  BOOST_TEST(audit().clean(), audit());
}

BOOST_AUTO_TEST_CASE(a_frozen_leader_loses_the_lead_and_does_no_harm_when_it_wakes) {
  const std::string file = configuration();
  insert(20'000, 50);
  Child first = start(file);
  Child second = start(file);
  BOOST_REQUIRE(eventually([&] { return second.err().find("standing by") != std::string::npos || first.err().find("standing by") != std::string::npos; }));
  const bool first_leads = second.err().find("standing by") != std::string::npos;
  Child& leader = first_leads ? first : second;
  Child& standby = first_leads ? second : first;
  leader.signal(SIGSTOP);
  const std::uint64_t before = stored();
  const auto frozen = std::chrono::steady_clock::now();
  insert(100, 50);
  BOOST_REQUIRE(eventually([&] { return standby.err().find("publishing") != std::string::npos; }, 15s));
  const auto took = std::chrono::steady_clock::now() - frozen;
  std::fprintf(stderr, "frozen with %llu stored, taken over after %lld ms\n", static_cast<unsigned long long>(before),
               static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  BOOST_TEST((took < 12s));
  BOOST_REQUIRE(reaches(20'100));
  leader.signal(SIGCONT);
  BOOST_TEST(eventually([&] { return leader.err().find("session over") != std::string::npos || leader.err().find("session lost") != std::string::npos; }));
  BOOST_TEST(eventually([&] { return leader.err().find("standing by") != std::string::npos; }));
  insert(100, 50);
  BOOST_REQUIRE(reaches(20'200));
  BOOST_TEST(audit().clean(), audit());
}

BOOST_AUTO_TEST_CASE(with_another_publisher_in_the_stream_nothing_is_lost_or_reordered) {
  Child bridge = start();
  BOOST_REQUIRE(eventually([&] { return reader.info("fraiseql_events").find("config") != std::string::npos; }));
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) {
      natsConnection_PublishString(reader.link().get(), "fraiseql.mutation.Other.INSERT", "{}");
      std::this_thread::sleep_for(2ms);
    }
  });
  for (int i = 0; i < 10; ++i) insert(500, 50);
  const bool all = eventually([&] {
    std::size_t ours = 0;
    for (const auto& message : reader.all("fraiseql_events")) ours += !message.id.empty();
    return ours >= 5000;
  }, 60s);
  stop = true;
  other.join();
  BOOST_REQUIRE(all);
  Audit found = audit();
  found.foreign = 0;
  BOOST_TEST(found.clean(), found);
}

BOOST_AUTO_TEST_SUITE_END()
