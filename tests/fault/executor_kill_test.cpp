// Executors that share entities on one consumer, with endpoints that fail at random, killed at random moments. `-- --seed N`
// replays the choices of a run, and `-- --kills N` (or FRAISEQL_TEST_KILLS) makes it longer: 500 take some minutes.
#define BOOST_TEST_MODULE executor_kill
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <optional>
#include <sstream>

#include "tests/support/executor_crowd.hpp"
#include "tests/support/pipeline_fixture.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {
constexpr std::size_t executors = 3;
constexpr std::size_t events_per_kill = 120;
}  // namespace

BOOST_AUTO_TEST_CASE(whatever_moment_executors_are_killed_at_nothing_is_lost_and_few_actions_are_repeated) {
  ExecutorCrowd crowd(seed_of_this_run());
  const std::size_t kills = number_of_this_run("kills", 40);
  std::vector<std::optional<ExecutorCrowd::Process>> running(executors);
  for (auto& process : running) process.emplace(crowd.start_one());

  for (std::size_t killed = 0; killed < kills;) {
    // A random moment, in events and in time; what is published waits for the kills.
    crowd.allow((killed + 1) * events_per_kill);
    const std::size_t first = killed * events_per_kill + crowd.dice() % events_per_kill;
    BOOST_REQUIRE(eventually([&] { return crowd.published() >= first; }, 60s));
    std::this_thread::sleep_for(std::chrono::milliseconds(crowd.dice() % 250));
    auto& victim = running[crowd.dice() % executors];
    if (!victim) {
      victim.emplace(crowd.start_one());
      continue;
    }
    BOOST_REQUIRE(victim->child.running());
    crowd.kill(*victim);
    victim.reset();
    ++killed;
    // On a slow machine the kills wait for the work: what is left at the end is what they have held up.
    // One in fifty can never succeed.
    const std::size_t done = killed * events_per_kill * 97 / 100;
    if (crowd.succeeded_so_far() + 10 * events_per_kill < done) {
      for (auto& process : running)
        if (!process) process.emplace(crowd.start_one());
      BOOST_REQUIRE(eventually([&] { return crowd.succeeded_so_far() + 5 * events_per_kill >= done; }, 120s));
    }
    if (!victim && crowd.dice() % 3 != 0) victim.emplace(crowd.start_one());  // else it stays away until it is drawn again
  }
  for (auto& process : running)
    if (!process) process.emplace(crowd.start_one());

  const auto since = std::chrono::steady_clock::now();
  const bool over = eventually([&] { return crowd.all_over(); }, 60s);
  const auto converged = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since);
  BOOST_TEST(over);
  BOOST_TEST(eventually([&] { return crowd.unsettled() == 0 && crowd.messages(crowd.stream + "_advisories") == 0; }, 60s));

  const auto judgement = crowd.judge();
  std::ostringstream words;
  words << judgement << "; converged in " << converged.count() << " ms";
  std::fprintf(stderr, "%zu kills: %s\n", kills, words.str().c_str());
  BOOST_TEST(judgement.lost == 0u);
  BOOST_TEST(judgement.strange == 0u);
  // At its death a process has up to `max_concurrency` requests whose answer it has not read, and as many that it started
  // in the slots of those whose acks may still be in its buffer. Everything older was acknowledged.
  BOOST_TEST(judgement.unexplained == 0u);
  BOOST_TEST(judgement.most_per_kill <= 2u * ExecutorCrowd::at_once);
  BOOST_TEST(judgement.overlapping == 0u);
  BOOST_TEST(judgement.interleaved == 0u);
  BOOST_TEST(judgement.inverted == 0u);
  BOOST_TEST(judgement.again_first == 0u);
  BOOST_TEST(judgement.hopeless > 0u);
  BOOST_TEST(judgement.without_letter == 0u);
  BOOST_TEST(judgement.letters_twice == 0u);
  BOOST_TEST(judgement.unplanned == 0u);
  for (auto& process : running) process->child.signal(SIGTERM);
  for (auto& process : running) BOOST_TEST(process->child.wait() == 0);
}
