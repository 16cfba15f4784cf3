#define BOOST_TEST_MODULE executor_reload
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

std::size_t times(const Child& child, const std::string& words) {
  const std::string log = child.err();
  std::size_t count = 0;
  for (auto at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) ++count;
  return count;
}

const std::string taken = "observers reread", refused = "the observers are not reread";

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_hangup_puts_the_observers_of_the_file_in_the_place_of_those_before, ExecutorFixture) {
  config.observers = webhook("old", receiver.url("/old"));
  Child executor = start();
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  config.observers = webhook("new", receiver.url("/new"));
  rewrite();
  executor.signal(SIGHUP);
  BOOST_REQUIRE(eventually([&] { return times(executor, taken) == 1; }));
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(receiver.requests("/old").size() == 1u);
  BOOST_TEST(receiver.requests("/new").size() == 1u);
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_file_with_a_mistake_changes_nothing_and_says_why, ExecutorFixture) {
  config.observers = webhook("old", receiver.url("/old"));
  Child executor = start();
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  for (const std::string& bad : {std::string("[[observers]]\nname = \"x\"\n"), std::string("[[obs"),
                                 webhook("new", receiver.url("/new")) + webhook("new", "ftp://example.com/"),
                                 webhook("new", receiver.url("/new")) + "[[observers.actions]]\ntype = \"sms\"\n"}) {
    config.observers = bad;
    rewrite();
    const std::size_t before = times(executor, refused);
    executor.signal(SIGHUP);
    BOOST_REQUIRE(eventually([&] { return times(executor, refused) == before + 1; }));
  }
  BOOST_TEST(times(executor, "Unsupported action type: sms") == 1u);
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(receiver.requests("/old").size() == 2u);
  BOOST_TEST(receiver.requests("/new").empty());
}

BOOST_FIXTURE_TEST_CASE(what_began_with_the_old_observers_ends_with_them, ExecutorFixture) {
  receiver.answer("/old", {{500}, {200}});
  config.observers = webhook("hook", receiver.url("/old"), "*", "", "max_attempts = 3\ninitial_delay_ms = 2000\n");
  Child executor = start();
  publish();
  BOOST_REQUIRE(eventually([&] { return receiver.requests("/old").size() == 1; }));
  config.observers = webhook("hook", receiver.url("/new"));
  rewrite();
  executor.signal(SIGHUP);
  BOOST_REQUIRE(eventually([&] { return times(executor, taken) == 1; }));
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(receiver.requests("/old").size() == 2u);
  BOOST_TEST(receiver.requests("/new").empty());
}

BOOST_FIXTURE_TEST_CASE(hangups_under_load_lose_nothing_and_repeat_nothing, ExecutorFixture) {
  config.observers = webhook("hook", receiver.url("/0"));
  Child executor = start();
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));  // before it is up a hangup ends it, as it ends any program
  std::size_t published = 1;
  for (int round = 1; round <= 20; ++round) {
    for (int i = 0; i < 50; ++i, ++published) publish({.entity_id = "e" + std::to_string(i % 7)});
    config.observers = webhook("hook", receiver.url("/" + std::to_string(round)));
    if (round % 5 == 0) config.observers += "[[observers]]\n";  // a mistake: what was before goes on
    rewrite();
    executor.signal(SIGHUP);
  }
  BOOST_REQUIRE(eventually([&] { return settled(published); }));
  std::map<std::string, int> acted;
  for (const auto& request : receiver.requests()) ++acted[request.headers.at("webhook-id")];
  BOOST_TEST(acted.size() == published);
  BOOST_TEST(receiver.requests().size() == published);
  BOOST_TEST(times(executor, refused) >= 1u);
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(another_setting_that_changes_is_said_to_need_a_restart, ExecutorFixture) {
  config.observers = webhook("hook", receiver.url("/"));
  Child executor = start();
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  config.max_concurrency = 27;
  rewrite();
  executor.signal(SIGHUP);
  BOOST_REQUIRE(eventually([&] { return times(executor, taken) == 1; }));
  BOOST_TEST(times(executor, "takes effect after a restart") == 1u);
  BOOST_TEST(times(executor, "key=\"executor.max_concurrency\"") == 1u);
}
