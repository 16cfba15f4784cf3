// Clean restarts of executors under load. `-- --restarts N` (or FRAISEQL_TEST_RESTARTS) makes it longer.
#define BOOST_TEST_MODULE executor_restart
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <optional>
#include <sstream>

#include "tests/support/executor_crowd.hpp"
#include "tests/support/pipeline_fixture.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(executors_restarted_one_by_one_under_load_lose_nothing_and_repeat_nothing) {
  ExecutorCrowd crowd(seed_of_this_run());
  const std::size_t restarts = number_of_this_run("restarts", 12);
  std::vector<std::optional<ExecutorCrowd::Process>> running;
  for (int i = 0; i < 3; ++i) running.emplace_back(crowd.start_one());
  crowd.allow(50);
  BOOST_REQUIRE(eventually([&] { return crowd.published() >= 50; }));
  for (std::size_t restart = 0; restart < restarts; ++restart) {
    crowd.allow(crowd.published() + 300);  // more than they do meanwhile: it is stopped in the middle of work
    std::this_thread::sleep_for(std::chrono::milliseconds(crowd.dice() % 300));
    auto& process = running[restart % running.size()];
    // One that has just been started may not know the signal yet.
    BOOST_REQUIRE(eventually([&] { return said(process->child, "session open"); }));
    process->child.signal(SIGTERM);
    BOOST_TEST(process->child.wait() == 0);
    process.emplace(crowd.start_one());
    // It takes its share; the client goes on for as long as that takes.
    BOOST_TEST(eventually([&] {
      if (!crowd.acts(*process)) crowd.allow(crowd.published() + 30);
      return crowd.acts(*process);
    }, 60s));
  }
  crowd.allow(crowd.published());
  BOOST_TEST(eventually([&] { return crowd.all_over(); }, 60s));
  BOOST_TEST(eventually([&] { return crowd.unsettled() == 0; }));
  const auto judgement = crowd.judge();
  std::ostringstream words;
  words << judgement;
  std::fprintf(stderr, "%zu restarts: %s\n", restarts, words.str().c_str());
  BOOST_TEST(judgement.lost == 0u);
  BOOST_TEST(judgement.strange == 0u);
  BOOST_TEST(judgement.repeated == 0u);
  BOOST_TEST(judgement.overlapping == 0u);
  BOOST_TEST(judgement.interleaved == 0u);
  BOOST_TEST(judgement.again_first == 0u);
  BOOST_TEST(judgement.without_letter == 0u);
  BOOST_TEST(judgement.letters == judgement.hopeless);
  BOOST_TEST(judgement.letters_twice == 0u);
  BOOST_TEST(judgement.condemned == 0u);
}

BOOST_FIXTURE_TEST_CASE(three_rolling_restarts_of_all_while_a_retry_waits_count_its_attempts_on, ExecutorFixture) {
  config.ack_wait_secs = 3;
  config.shutdown_timeout = "1s";
  const std::string retry = "max_attempts = 40\ninitial_delay_ms = 2000\nbackoff_strategy = \"fixed\"\n";
  config.observers = webhook("hook", receiver.url("/"), "*", "", retry);
  receiver.answer("/", {{503}});
  const std::string id = publish();
  std::vector<std::optional<Child>> running(3);
  // The first one makes the consumer, the others find it.
  running[0].emplace(start());
  BOOST_REQUIRE(eventually([&] { return !receiver.requests().empty(); }));
  running[1].emplace(start());
  running[2].emplace(start());
  BOOST_REQUIRE(eventually([&] { return !receiver.requests().empty(); }));
  for (int round = 0; round < 3; ++round)
    for (auto& child : running) {
      // One that has just been started may not know the signal yet.
      BOOST_REQUIRE(eventually([&] { return child->err().find("session open") != std::string::npos; }));
      child->signal(SIGTERM);
      BOOST_TEST(child->wait() == 0);
      child.emplace(start());
    }
  receiver.answer("/", {{200}});
  const auto done = [&] {
    const auto requests = receiver.requests();
    return (!requests.empty() && requests.back().answered == 200) || !letters().empty();
  };
  BOOST_REQUIRE(eventually(done, 60s));
  // Never silence, and every try is one more than the one before. 2.9 may count a delivery as the first again when the pull
  // that it was meant for belongs to an executor that has left: then nobody looks for what was tried.
  const bool forgets = nats_server().gives_acknowledged_again();
  const auto requests = receiver.requests();
  int before = 0;
  for (const auto& request : requests) {
    BOOST_TEST(request.headers.at("webhook-id") == id);
    const int attempt = std::stoi(request.headers.at("fraiseql-attempt"));
    BOOST_TEST((attempt == before + 1 || (forgets && attempt == 1)), attempt << " after " << before);
    before = attempt;
  }
  BOOST_TEST(letters().size() <= 1u);
  BOOST_TEST(eventually([&] { return messages(stream + "_advisories") == 0 && unsettled() == 0; }));
}
