// Executors while the server that they take from goes wrong.
#define BOOST_TEST_MODULE executor_broker
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <list>
#include <set>
#include <sstream>

#include "tests/support/executor_crowd.hpp"
#include "tests/support/pipeline_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;

namespace {

struct Broker : ExecutorFixture {
  /// As settled(), and false while the server is away.
  bool settled_now(std::uint64_t stored) {
    try {
      return settled(stored);
    } catch (const std::exception&) {
      return false;
    }
  }

  bool floor_is_kept(std::uint64_t seq) {
    const auto kept = parse_stored_message(
        api("STREAM.MSG.GET.KV_" + stream + "_progress", R"({"last_by_subj":"$KV.)" + stream + R"(_progress.floor"})").json);
    return kept && kept.value().payload.find("\"seq\":" + std::to_string(seq) + ",") != std::string::npos;
  }

  std::size_t repeated() const {
    std::set<std::string> seen;
    std::size_t count = 0;
    for (const auto& request : receiver.requests()) count += !seen.insert(request.headers.at("webhook-id")).second;
    return count;
  }

  /// The server dies as 2.9 can die: it writes a consumer's state by emptying the file first.
  void die_while_the_state_is_written() {
    nats_server().kill();
    const auto file = nats_server().store() / "jetstream/$G/streams" / stream / "obs" / consumer / "o.dat";
    BOOST_REQUIRE(std::filesystem::exists(file));
    std::ofstream(file, std::ios::trunc).flush();
    nats_server().start();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_server_that_forgets_all_acks_makes_nobody_act_again, Broker) {
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 300; ++i) publish();
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return settled(300); }));
    BOOST_REQUIRE(eventually([&] { return floor_is_kept(300); }));
    executor.kill();
  }
  die_while_the_state_is_written();
  Child fresh = start();
  BOOST_REQUIRE(eventually([&] { return settled_now(300); }));
  publish();
  BOOST_REQUIRE(eventually([&] { return settled_now(301); }));
  BOOST_TEST(repeated() == 0u);
  BOOST_TEST(receiver.requests().size() == 301u);
}

BOOST_FIXTURE_TEST_CASE(executors_that_live_through_it_know_what_each_other_have_settled, Broker) {
  config.max_concurrency = config.max_per_host = 4;
  receiver.answer("/", {{200, "", {}, 5ms}});
  config.observers = webhook("hook", receiver.url("/"));
  Child one = start(), two = start();
  BOOST_REQUIRE(eventually([&] { return consumer_exists(); }));
  for (int i = 0; i < 400; ++i) publish();
  BOOST_REQUIRE(eventually([&] { return settled(400); }));
  const auto seen = [&](const Child& child) { return child.err().find("acknowledgements") != std::string::npos; };
  BOOST_REQUIRE(eventually([&] { return floor_is_kept(400); }));
  die_while_the_state_is_written();
  for (int i = 0; i < 20; ++i) BOOST_REQUIRE(eventually([&] {
    try {
      publish();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }));
  BOOST_REQUIRE(eventually([&] { return settled_now(420); }));
  BOOST_TEST(repeated() == 0u);
  BOOST_TEST((seen(one) || seen(two)));
}

BOOST_FIXTURE_TEST_CASE(who_makes_the_consumer_anew_to_see_everything_again_gets_it, Broker) {
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 20; ++i) publish();
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return settled(20); }));
    executor.signal(SIGTERM);
    BOOST_REQUIRE(executor.wait() == 0);
  }
  delete_consumer();
  BOOST_REQUIRE(!api("CONSUMER.DURABLE.CREATE." + stream + "." + consumer,
                     R"({"stream_name":")" + stream + R"(","config":{"durable_name":")" + consumer +
                         R"(","deliver_policy":"all","ack_policy":"explicit","replay_policy":"instant","ack_wait":30000000000,"max_deliver":3,"max_ack_pending":-1,"filter_subject":")" +
                         prefix + R"(.>"}})")
                     .failed());
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(20); }));
  BOOST_TEST(receiver.requests().size() == 40u);
  BOOST_TEST(repeated() == 20u);
}

BOOST_AUTO_TEST_CASE(a_server_stopped_and_killed_in_mid_flow_costs_no_event_and_breaks_no_order) {
  ExecutorCrowd crowd(seed_of_this_run());
  std::list<ExecutorCrowd::Process> running;
  for (int i = 0; i < 3; ++i) running.push_back(crowd.start_one());
  for (int round = 0; round < 6; ++round) {
    crowd.allow((static_cast<std::size_t>(round) + 1) * 250);
    BOOST_REQUIRE(eventually([&] { return crowd.published() + 100 >= (static_cast<std::size_t>(round) + 1) * 250; }, 60s));
    std::this_thread::sleep_for(std::chrono::milliseconds(crowd.dice() % 400));
    crowd.server_dies();
    if (round % 2 == 0)
      nats_server().kill();
    else
      nats_server().stop();
    crowd.server_dies();  // what it took in its last moments, too
    std::this_thread::sleep_for(std::chrono::milliseconds(crowd.dice() % 1500));
    nats_server().start();
  }
  const auto over = [&] {
    try {
      return crowd.all_over() && crowd.unsettled() == 0;
    } catch (const std::exception&) {
      return false;
    }
  };
  BOOST_TEST(eventually(over, 60s));
  const auto judgement = crowd.judge();
  std::ostringstream words;
  words << judgement;
  std::fprintf(stderr, "%s\n", words.str().c_str());
  BOOST_TEST(judgement.lost == 0u);
  BOOST_TEST(judgement.strange == 0u);
  BOOST_TEST(judgement.unexplained == 0u);
  BOOST_TEST(judgement.overlapping == 0u);
  BOOST_TEST(judgement.interleaved == 0u);
  BOOST_TEST(judgement.inverted == 0u);
  BOOST_TEST(judgement.without_letter == 0u);
  BOOST_TEST(judgement.letters_twice == 0u);
  BOOST_TEST(judgement.letters == judgement.hopeless);
  for (auto& process : running) process.child.signal(SIGTERM);
  for (auto& process : running) BOOST_TEST(process.child.wait() == 0);
}
