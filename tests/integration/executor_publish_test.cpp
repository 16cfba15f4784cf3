#define BOOST_TEST_MODULE executor_publish
#include <boost/test/unit_test.hpp>

#include <csignal>

#include "tests/support/executor_fixture.hpp"
#include "tests/support/status_listener.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct PublishFixture : ExecutorFixture {
  PublishFixture() : target(unique("target_")) {}

  void create_target(const std::string& more = "") {
    const auto answer =
        api("STREAM.CREATE." + target, R"({"name":")" + target + R"(","subjects":[")" + target +
                                           R"(.>"],"retention":"limits","storage":"file","discard":"new")" + more + "}");
    if (answer.failed()) throw std::runtime_error("create stream: " + answer.description);
  }
  void observer(const std::string& subject, const std::string& entity = "*", const std::string& more = "",
                const std::string& retry = "max_attempts = 3\ninitial_delay_ms = 20\n") {
    config.observers += "[[observers]]\nname = \"" + unique("out") + "\"\nentity = \"" + entity +
                        "\"\n[[observers.actions]]\ntype = \"nats\"\nsubject_template = \"" + subject + "\"\n" + more +
                        "\n[observers.retry]\n" + retry + "\n";
  }
  StoredMessage stored(std::uint64_t seq) {
    const auto message = parse_stored_message(api("STREAM.MSG.GET." + target, "{\"seq\":" + std::to_string(seq) + "}").json);
    return message ? message.value() : StoredMessage{};
  }

  std::string target;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_event_is_published_with_its_own_headers_and_none_that_steer_the_server, PublishFixture) {
  create_target();
  observer(target + ".{{ status }}.x", "Order");
  observer(target + ".body", "Other", "body_template = '{\"n\": {{ n }}}'");
  publish_raw(prefix + ".Order.INSERT",
              {{"Nats-Msg-Id", "event-1"}, {"Fraiseql-Pk", "7"}, {"Fraiseql-Entity-Id", "9"}, {"Foreign", "Nats-Msg-Id: x"}},
              R"({"event":"INSERT","entity":"Order","subject":")" + prefix +
                  R"(.Order.INSERT","timestamp":"2024-01-15T10:30:00Z","data":{"status":"a.b *>","n":100.00}})");
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  publish({.entity = "Other", .data = R"({"n":100.00})"});
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(letters().empty());
  BOOST_REQUIRE(messages(target) == 2u);
  const auto first = stored(1);
  BOOST_TEST(first.subject == target + ".a%2Eb%20%2A%3E.x");
  BOOST_TEST(first.payload.find(R"("n":100.00)") != std::string::npos);
  BOOST_TEST(first.header("Nats-Msg-Id").starts_with("event-1:out"));
  BOOST_TEST(first.header("Nats-Msg-Id").ends_with(":1"));
  BOOST_TEST(first.header("Fraiseql-Event-Id") == "event-1");
  BOOST_TEST(first.header("Fraiseql-Pk") == "7");
  BOOST_TEST(first.header("Fraiseql-Entity-Id") == "9");
  BOOST_TEST(first.header("Foreign").empty());
  BOOST_TEST(stored(2).payload == R"({"n": 100.00})");
}

BOOST_FIXTURE_TEST_CASE(without_a_stream_the_publish_is_tried_again_until_there_is_one, PublishFixture) {
  StatusListener status(status_endpoint());
  observer(target + ".x", "*", "", "max_attempts = 100\nbackoff_strategy = \"fixed\"\ninitial_delay_ms = 100\n");
  publish();
  Child executor = start();
  const Labels errors{{"action_type", "nats"}, {"error_type", "network"}};
  BOOST_REQUIRE(eventually([&] { return status.counter("fraiseql_observer_action_errors_total", errors) > 0; }));
  create_target();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(messages(target) == 1u);
}

BOOST_FIXTURE_TEST_CASE(what_no_stream_takes_is_a_dead_letter_that_says_so, PublishFixture) {
  observer(target + ".x");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_REQUIRE(letters().size() == 1u);
  BOOST_TEST(letters()[0].header("Fraiseql-Dlq-Attempts") == "3");
  BOOST_TEST(letters()[0].header("Fraiseql-Dlq-Error") == "NATS: no stream takes the subject " + target + ".x");
}

BOOST_FIXTURE_TEST_CASE(a_message_too_large_for_the_stream_is_refused_for_good_and_a_full_stream_for_now, PublishFixture) {
  create_target(R"(,"max_msg_size":1000,"max_msgs":2)");
  observer(target + ".large", "Large");
  observer(target + ".small", "Small");
  publish({.entity = "Large", .data = "\"" + std::string(2000, 'x') + "\""});
  for (int i = 0; i < 3; ++i) publish({.entity = "Small"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(4); }));
  BOOST_TEST(messages(target) == 2u);
  BOOST_REQUIRE(letters().size() == 2u);
  for (const auto& letter : letters())
    BOOST_TEST(letter.header("Fraiseql-Dlq-Attempts") == (letter.subject.find("Large") != std::string::npos ? "1" : "3"));
}

BOOST_FIXTURE_TEST_CASE(a_loop_is_refused_at_start, PublishFixture) {
  observer(prefix + ".{{ entity }}.CUSTOM");
  Child executor = start();
  BOOST_TEST(executor.wait() == 78);
  BOOST_TEST(executor.err().find("a loop") != std::string::npos, executor.err());
}

BOOST_FIXTURE_TEST_CASE(executors_killed_again_and_again_publish_each_event_once, PublishFixture) {
  create_target();
  config.ack_wait_secs = 1;
  config.max_deliver = 50;
  observer(target + ".{{ n }}", "*", "", "max_attempts = 50\n");
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 100; ++i) publish({.data = "{\"n\":" + std::to_string(round * 100 + i) + "}"});
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return messages(target) > static_cast<std::uint64_t>(round) * 100; }));
    executor.kill();
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(500); }));
  BOOST_TEST(letters().empty());
  BOOST_TEST(messages(target) == 500u);
}
