#define BOOST_TEST_MODULE executor_concurrency
#include <signal.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <list>
#include <map>
#include <random>

#include "tests/support/endpoint.hpp"
#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;

namespace {

struct ConcurrencyFixture : ExecutorFixture {
  std::uint64_t of_consumer(const std::string& name) {
    return consumer_exists() ? number("CONSUMER.INFO." + stream + "." + consumer, {name}) : 0;
  }
  std::uint64_t taken() { return of_consumer("num_ack_pending"); }
  bool pulling(std::uint64_t executors) { return of_consumer("num_waiting") == executors; }
};

// No test of ours sleeps to see something happen; that something does not happen takes a while to see.
bool stays(const std::function<bool()>& condition, std::chrono::milliseconds time = 700ms) {
  return !eventually([&] { return !condition(); }, time);
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(an_executor_takes_as_many_as_it_has_slots_and_as_many_again_to_go_on_with, ConcurrencyFixture) {
  config.max_concurrency = config.max_per_host = 4;
  receiver.answer("/", {{200, "", {}, 20s}});
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 60; ++i) publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 4 && taken() == 8; }));
  BOOST_TEST(stays([&] { return taken() == 8; }));
  BOOST_TEST(receiver.most_at_once() == 4);
}

BOOST_FIXTURE_TEST_CASE(those_that_wait_for_a_busy_host_count_only_towards_the_channel_capacity, ConcurrencyFixture) {
  config.max_concurrency = 20;
  config.max_per_host = 4;
  config.channel_capacity = 40;
  receiver.answer("/", {{200, "", {}, 20s}});
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 100; ++i) publish();
  Child executor = start();
  // What is left is less than is worth a pull: a quarter of max_concurrency.
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 4 && taken() > 35; }));
  BOOST_TEST(stays([&] { return taken() <= 40; }));
  BOOST_TEST(receiver.most_at_once() == 4);
}

BOOST_FIXTURE_TEST_CASE(those_that_wait_for_a_retry_or_an_earlier_change_hold_no_slot, ConcurrencyFixture) {
  config.max_concurrency = config.max_per_host = 2;
  receiver.answer("/Slow", {{503}});
  config.observers =
      webhook("slow", receiver.url("/Slow"), "Slow", "", "max_attempts = 3\ninitial_delay_ms = 60000\nmax_delay_ms = 60000\n") +
      webhook("fast", receiver.url("/Fast"), "Fast");
  for (int i = 0; i < 10; ++i) publish({.entity = "Slow"});                       // wait for a retry
  for (int i = 0; i < 10; ++i) publish({.entity = "Slow", .entity_id = "same"});  // all but one wait for the one before
  for (int i = 0; i < 10; ++i) publish({.entity = "Fast"});
  Child executor = start();
  BOOST_TEST(eventually([&] { return receiver.requests("/Fast").size() == 10; }));
  BOOST_TEST(receiver.requests("/Slow").size() == 11u);
}

BOOST_FIXTURE_TEST_CASE(a_hanging_endpoint_does_not_slow_another_one, ConcurrencyFixture) {
  config.max_concurrency = 20;
  config.max_per_host = 5;
  WebhookReceiver hanging;
  hanging.answer("/", {{200, "", {}, 60s}});
  config.observers = webhook("hangs", hanging.url("/"), "Hangs") + webhook("fast", receiver.url("/"), "Fast");
  for (int i = 0; i < 300; ++i) publish({.entity = i % 2 ? "Hangs" : "Fast"});
  Child executor = start();
  BOOST_TEST(eventually([&] { return receiver.requests().size() == 150; }, 20s));
  BOOST_TEST(hanging.requests().size() == 5u);
}

BOOST_FIXTURE_TEST_CASE(what_is_held_is_bounded_in_bytes_too, ConcurrencyFixture) {
  config.max_concurrency = 20;
  config.max_per_host = 4;
  receiver.answer("/", {{200, "", {}, 30s}});
  config.observers = webhook("hook", receiver.url("/"));
  fill(500, 65'536);
  Child executor = start();
  constexpr std::uint64_t most = (16 << 20) / 65'536;  // 256
  BOOST_REQUIRE(eventually([&] { return taken() > most - 6; }));
  BOOST_TEST(stays([&] { return taken() <= most + 1; }));
}

BOOST_FIXTURE_TEST_CASE(messages_larger_than_a_share_of_the_bytes_still_come, ConcurrencyFixture) {
  config.observers = webhook("hook", receiver.url("/"));
  fill(60, 900'000);
  Child executor = start();
  BOOST_TEST(eventually([&] { return settled(60); }));
  BOOST_TEST(receiver.requests().size() == 60u);
}

BOOST_FIXTURE_TEST_CASE(a_circuit_opens_after_five_silences_lets_one_probe_through_after_ten_seconds_and_closes,
                        ConcurrencyFixture) {
  const Answer silent{.how = Answer::How::reset};
  receiver.answer("/", {silent, silent, silent, silent, silent, {200, "", {}, 600ms}, {200}});
  config.observers =
      webhook("hook", receiver.url("/"), "*", "", "max_attempts = 1000\nbackoff_strategy = \"fixed\"\ninitial_delay_ms = 50\n");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 5; }));
  for (int i = 0; i < 9; ++i) publish();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 1; }));
  BOOST_TEST(receiver.requests().size() == 6u);
  BOOST_TEST(stays([&] { return receiver.open_requests() == 0 || receiver.requests().size() == 6; }, 400ms));
  BOOST_REQUIRE(eventually([&] { return settled(10); }));
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 15u);
  const auto pause = requests[5].at - requests[4].at;
  BOOST_TEST((pause >= 9900ms && pause < 12s));
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(the_order_within_an_entity_holds_with_an_endpoint_that_fails_at_random, ConcurrencyFixture) {
  std::minstd_rand dice(7);
  std::vector<Answer> answers;
  for (int i = 0; i < 2000; ++i) {
    const auto roll = dice() % 10;
    answers.push_back(roll < 2   ? Answer{.status = 500}
                      : roll < 4 ? Answer{.status = 429}
                      : roll < 5 ? Answer{.how = Answer::How::reset}
                                 : Answer{.delay = std::chrono::milliseconds(dice() % 12)});
  }
  receiver.answer("/", answers);
  config.observers =
      webhook("hook", receiver.url("/"), "*", "", "max_attempts = 1000\ninitial_delay_ms = 1\nmax_delay_ms = 20\n");
  std::map<std::string, std::string> entity_of;
  std::map<std::string, std::vector<std::string>> made, came;
  for (int i = 0; i < 400; ++i) {
    const std::string entity = "e" + std::to_string(dice() % 20);
    const std::string id = publish({.entity_id = entity});
    entity_of[id] = entity;
    made[entity].push_back(id);
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(400); }, 60s));
  for (const auto& request : receiver.requests()) {
    const auto& id = request.headers.at("webhook-id");
    auto& line = came[entity_of.at(id)];
    if (line.empty() || line.back() != id) line.push_back(id);
  }
  for (const auto& [entity, line] : made) BOOST_TEST(came[entity] == line, boost::test_tools::per_element());
  BOOST_TEST(receiver.requests().size() > 500u);  // it did fail
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(four_executors_share_the_events_evenly, ConcurrencyFixture) {
  const Endpoint endpoint(10ms);
  config.max_concurrency = config.max_per_host = 8;
  std::vector<Child> executors;
  for (int i = 0; i < 4; ++i) {
    config.observers = webhook("hook", endpoint.url("/" + std::to_string(i)));
    executors.push_back(start());
  }
  BOOST_REQUIRE(eventually([&] { return pulling(4); }));
  fill(4000);
  BOOST_REQUIRE(eventually([&] { return settled(4000); }, 60s));
  BOOST_TEST(endpoint.count() == 4000u);
  const auto counts = endpoint.counts();
  BOOST_TEST(counts.size() == 4u);
  for (const auto& [path, count] : counts) BOOST_TEST((count >= 900 && count <= 1100), path << ": " << count);
}

BOOST_FIXTURE_TEST_CASE(executors_join_and_leave_under_load_without_a_duplicate_and_without_a_loss, ConcurrencyFixture) {
  const char* wanted = std::getenv("FRAISEQL_TEST_JOINS");
  const int joins = wanted ? std::max(1, std::atoi(wanted)) : 20;
  receiver.answer("/", {{200, "", {}, 5ms}});
  config.max_concurrency = config.max_per_host = 10;
  config.ack_wait_secs = 5;
  config.observers = webhook("hook", receiver.url("/"));
  std::uint64_t published = 0;
  const auto load = [&] {
    fill(200);
    published += 200;
  };
  std::list<Child> running;
  running.push_back(start());
  running.push_back(start());
  BOOST_REQUIRE(eventually([&] { return pulling(2); }));
  for (int i = 0; i < joins; ++i) {
    load();
    running.push_back(start());
    const std::size_t before = receiver.requests().size();
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() > before; }));
    Child& oldest = running.front();
    oldest.signal(SIGTERM);
    BOOST_TEST(oldest.wait() == 0);
    running.pop_front();
  }
  BOOST_REQUIRE(eventually([&] { return settled(published); }, 60s));
  BOOST_TEST(receiver.distinct("webhook-id") == published);
  BOOST_TEST(receiver.requests().size() == published);
  BOOST_TEST(letters().empty());
}
