#define BOOST_TEST_MODULE executor_cache
#include <boost/test/unit_test.hpp>

#include <csignal>

#include "tests/support/executor_fixture.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/status_listener.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct CacheFixture : ExecutorFixture {
  void cache(const std::string& url, const std::string& pattern,
             const std::string& retry = "max_attempts = 3\ninitial_delay_ms = 20\n") {
    config.observers = "[redis]\nurl = \"" + url +
                       "\"\n[[observers]]\nname = \"forget\"\nentity = \"*\"\n[[observers.actions]]\ntype = "
                       "\"cache\"\nkey_pattern = '" +
                       pattern + "'\n[observers.retry]\n" + retry + "\n";
  }
};

constexpr const char* patient = "max_attempts = 100\nbackoff_strategy = \"fixed\"\ninitial_delay_ms = 200\n";

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_key_is_gone_and_only_that_one, CacheFixture) {
  RedisServer redis("s3cret");
  redis.command({"MSET", "order:7", "x", "order:77", "x", "order:*", "x"}, "2");
  redis.command({"SET", "order:7", "x"}, "0");
  cache(redis.url("2"), "order:{{ n }}");
  publish({.data = R"({"n":7})"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(letters().empty());
  BOOST_TEST(redis.command({"EXISTS", "order:7"}, "2") == "0");
  BOOST_TEST(redis.command({"EXISTS", "order:77", "order:*"}, "2") == "2");
  BOOST_TEST(redis.command({"EXISTS", "order:7"}, "0") == "1");
  // Without a wildcard in the pattern a value is a key as it is.
  publish({.data = R"({"n":"*"})"});
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(redis.command({"KEYS", "*"}, "2") == "order:77");
  BOOST_TEST(executor.err().find("s3cret") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_pattern_removes_all_that_match_and_no_value_widens_it, CacheFixture) {
  RedisServer redis;
  for (const char* user : {"1", "2", "[12]", "?", "*", "\\"})
    redis.command({"EVAL", "for i = 1, 300 do redis.call('SET', 'user:' .. ARGV[1] .. ':' .. i, 'x') end", "0", user});
  cache(redis.url(), "user:{{ n }}:*");
  const auto left = [&](const std::string& user) {
    return redis.command(
        {"EVAL", "local n = 0 for i = 1, 300 do n = n + redis.call('EXISTS', 'user:' .. ARGV[1] .. ':' .. i) end return n", "0",
         user});
  };
  Child executor = start();
  std::uint64_t sent = 0;
  for (const char* value : {R"("*")", R"("[12]")", R"("?")", R"("\\")"}) {
    publish({.data = std::string("{\"n\":") + value + "}"});
    ++sent;
  }
  BOOST_REQUIRE(eventually([&] { return settled(sent); }));
  for (const char* user : {"*", "[12]", "?", "\\"}) BOOST_TEST(left(user) == "0", user);
  for (const char* user : {"1", "2"}) BOOST_TEST(left(user) == "300", user);
  publish({.data = R"({"n":1})"});
  BOOST_REQUIRE(eventually([&] { return settled(sent + 1); }));
  BOOST_TEST(left("1") == "0");
  BOOST_TEST(left("2") == "300");
  // A value that the event does not have would match every user.
  publish({.data = "{}"});
  BOOST_REQUIRE(eventually([&] { return settled(sent + 2); }));
  BOOST_TEST(left("2") == "300");
  BOOST_TEST(letters().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_is_away_or_still_not_writable_is_asked_again, CacheFixture) {
  RedisServer redis;
  cache(redis.url(), "k{{ n }}", patient);
  redis.command({"MSET", "k1", "x", "k2", "x", "k3", "x"});
  publish({.data = R"({"n":1})"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  redis.command({"REPLICAOF", "127.0.0.1", "1"});  // READONLY from here on
  publish({.data = R"({"n":2})"});
  BOOST_TEST(eventually([&] { return unsettled() == 1; }));
  redis.command({"REPLICAOF", "NO", "ONE"});
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(redis.command({"EXISTS", "k2"}) == "0");
  redis.kill();
  publish({.data = R"({"n":3})"});
  BOOST_TEST(eventually([&] { return unsettled() == 1; }));
  redis.start();
  redis.command({"SET", "k4", "x"});
  BOOST_REQUIRE(eventually([&] { return settled(3); }));
  publish({.data = R"({"n":4})"});
  BOOST_REQUIRE(eventually([&] { return settled(4); }));
  BOOST_TEST(redis.command({"EXISTS", "k4"}) == "0");
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(a_wrong_password_is_final_and_never_shown, CacheFixture) {
  RedisServer redis("right");
  StatusListener status(status_endpoint());
  cache("redis://:wr0ng@127.0.0.1:" + std::to_string(redis.port()), "k");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_REQUIRE(letters().size() == 1u);
  BOOST_TEST(letters()[0].header("Fraiseql-Dlq-Attempts") == "1");
  BOOST_TEST(letters()[0].header("Fraiseql-Dlq-Error").find("WRONGPASS") != std::string_view::npos);
  BOOST_TEST(executor.err().find("wr0ng") == std::string::npos);
  const Labels errors{{"action_type", "cache"}, {"error_type", "network"}};
  BOOST_TEST(eventually([&] { return status.counter("fraiseql_observer_action_errors_total", errors) == 1; }));
}

BOOST_FIXTURE_TEST_CASE(a_stop_ends_in_time_while_redis_hangs_and_hands_the_message_back, CacheFixture) {
  RedisServer redis;
  config.shutdown_timeout = "1s";
  cache(redis.url(), "k{{ n }}");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  redis.pause();
  publish();
  BOOST_REQUIRE(eventually([&] { return number("CONSUMER.INFO." + stream + "." + consumer, {"num_ack_pending"}) == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 5s));
  BOOST_TEST(unsettled() == 1u);
  redis.resume();
}

BOOST_FIXTURE_TEST_CASE(check_tells_of_a_redis_that_cannot_be_used, CacheFixture) {
  RedisServer redis("right");
  cache("redis://127.0.0.1:" + std::to_string(redis.port()), "k");
  auto line = command();
  line.push_back("--check");
  const Finished wrong = run(line);
  BOOST_TEST(wrong.status == 1);
  BOOST_TEST(wrong.out.find("redis 127.0.0.1:" + std::to_string(redis.port()) + ": NOAUTH") != std::string::npos, wrong.out);
}
