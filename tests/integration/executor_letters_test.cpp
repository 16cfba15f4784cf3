#define BOOST_TEST_MODULE executor_letters
#include <rapidjson/document.h>
#include <signal.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;

BOOST_FIXTURE_TEST_CASE(a_dead_letter_has_the_bytes_of_the_event_and_says_why, ExecutorFixture) {
  receiver.answer("/", {{422, "no such order"}});
  config.observers = webhook("ship", receiver.url("/"));
  const std::string id = publish({.operation = "UPDATE", .entity_id = "7", .data = "{\"total\":100.00}"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  const auto all = letters();
  BOOST_REQUIRE(all.size() == 1u);
  const auto& letter = all[0];
  BOOST_TEST(letter.subject == dlq_prefix + ".Order.UPDATE");
  BOOST_TEST(letter.payload == receiver.requests().at(0).body);
  const std::pair<const char*, std::string> expected[] = {{"Nats-Msg-Id", "dlq:" + id + ":ship:1"},
                                                          {"Fraiseql-Dlq-Reason", "action_failed"},
                                                          {"Fraiseql-Dlq-Observer", "ship"},
                                                          {"Fraiseql-Dlq-Action", "1"},
                                                          {"Fraiseql-Dlq-Attempts", "1"},
                                                          {"Fraiseql-Dlq-Error", "HTTP 422: no such order"},
                                                          {"Fraiseql-Dlq-Http-Status", "422"},
                                                          {"Fraiseql-Dlq-Stream-Seq", "1"},
                                                          {"Fraiseql-Event-Id", id},
                                                          {"Fraiseql-Entity-Id", "7"},
                                                          {"Fraiseql-Source", "pg_to_nats"}};
  for (const auto& [name, value] : expected) BOOST_TEST(letter.header(name) == value, name);
  BOOST_TEST(letter.header("Fraiseql-Dlq-Failed-At").size() == 27u);
}

BOOST_FIXTURE_TEST_CASE(the_dead_letter_stream_keeps_its_cap_and_the_newest_is_dropped_with_an_error, ExecutorFixture) {
  receiver.answer("/", {{404}});
  config.max_dlq_size = "2";
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 4; ++i) publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(4); }));
  BOOST_TEST(letters().size() == 2u);
  BOOST_TEST(eventually([&] { return executor.err().find("dead letter queue is full") != std::string::npos; }));
  const std::string info = "STREAM.INFO." + stream + "_dlq";
  BOOST_TEST(number(info, {"config", "max_msgs"}) == 2u);
  BOOST_TEST(number(info, {"config", "duplicate_window"}) == 86400000000000u);
}

BOOST_FIXTURE_TEST_CASE(an_observer_may_want_a_line_in_the_log_instead_of_a_letter, ExecutorFixture) {
  receiver.answer("/", {{404}});
  const auto observer = [&](const std::string& name, const std::string& how) {
    return "[[observers]]\nname = \"" + name + "\"\nentity = \"*\"\non_failure = \"" + how +
           "\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + receiver.url("/") + "\"\n";
  };
  config.observers = observer("quiet", "log") + observer("loud", "alert");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(letters().empty());
  BOOST_TEST(eventually([&] { return executor.err().find("ALERT action failed observer=\"loud\"") != std::string::npos; }));
  BOOST_TEST(executor.err().find(": action failed observer=\"quiet\"") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_is_no_event_becomes_a_letter_and_holds_nothing_up, ExecutorFixture) {
  config.observers = webhook("hook", receiver.url("/"));
  const std::string subject = prefix + ".Order.INSERT";
  const std::string good =
      R"({"event":"INSERT","entity":"Order","subject":")" + subject + R"(","timestamp":"2024-01-15T10:30:00Z","data":1)";
  const std::vector<std::string> bad = {
      "",
      "{",
      "[]",
      "{}",
      good,
      good + "}}",
      good + ",\"more\":1}",
      good + ",\"changed\":[1]}",
      good + ",\"before\":\"\xff\"}",
      good + std::string("}\0x", 3),
      R"({"event":"INSERT","entity":"Order","subject":"other","timestamp":"2024-01-15T10:30:00Z","data":1})"};
  for (const auto& payload : bad) publish_raw(subject, {}, payload);
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(bad.size() + 1); }));
  BOOST_TEST(receiver.requests().size() == 1u);
  const auto all = letters();
  BOOST_REQUIRE(all.size() == bad.size());
  std::multiset<std::string> expected(bad.begin(), bad.end()), found;
  for (const auto& letter : all) {
    found.insert(letter.payload);
    BOOST_TEST(letter.header("Fraiseql-Dlq-Reason") == "undecodable");
    BOOST_TEST(letter.subject == dlq_prefix + ".Order.INSERT");
  }
  BOOST_TEST((found == expected));
}

BOOST_FIXTURE_TEST_CASE(while_a_letter_cannot_be_written_its_message_is_held_and_nothing_new_is_taken, ExecutorFixture) {
  config.ack_wait_secs = 1;
  config.max_concurrency = config.max_per_host = 1;
  const std::string letters_config =
      R"({"name":")" + stream + R"(_dlq","subjects":[")" + dlq_prefix +
      R"(.>"],"retention":"limits","storage":"file","discard":"new","max_age":0,"max_msgs":-1,"duplicate_window":86400000000000,"max_msg_size":)";
  BOOST_REQUIRE(!api("STREAM.CREATE." + stream + "_dlq", letters_config + "10}").failed());
  receiver.answer("/Bad", {{404}});
  config.observers = webhook("bad", receiver.url("/Bad"), "Bad") + webhook("good", receiver.url("/Good"), "Good");
  publish({.entity = "Bad"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return executor.err().find("a dead letter cannot be written") != std::string::npos; }));
  for (int i = 0; i < 10; ++i) publish({.entity = "Good"});
  // Three times ack_wait: held by +WPI, it is not delivered again.
  const auto until = std::chrono::steady_clock::now() + 3s;
  BOOST_TEST(!eventually([&] { return !receiver.requests("/Good").empty() && std::chrono::steady_clock::now() < until; }, 3s));
  BOOST_REQUIRE(!api("STREAM.UPDATE." + stream + "_dlq", letters_config + "-1}").failed());
  BOOST_REQUIRE(eventually([&] { return settled(11); }));
  BOOST_TEST(receiver.requests("/Bad").size() == 1u);
  BOOST_TEST(receiver.requests("/Good").size() == 10u);
  BOOST_TEST(letters().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_kills_every_executor_becomes_a_letter_and_the_others_flow, ExecutorFixture) {
  config.ack_wait_secs = 1;
  config.max_deliver = 2;
  receiver.answer("/Poison", {{200, "", {}, 60s}});
  config.observers = webhook("poison", receiver.url("/Poison"), "Poison") + webhook("good", receiver.url("/Good"), "Good");
  publish({.entity = "Poison"});
  for (int i = 0; i < 5; ++i) publish({.entity = "Good"});
  std::size_t killed = 0;
  std::optional<Child> executor(start());
  BOOST_REQUIRE(eventually(
      [&] {
        if (receiver.requests("/Poison").size() > killed) {
          executor->kill();
          ++killed;
          executor.emplace(start());
        }
        return !letters().empty();
      },
      60s));
  BOOST_TEST(killed == 4u);  // two deliveries, and two tries alone
  const auto all = letters();
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST(all[0].header("Fraiseql-Dlq-Reason") == "max_deliveries");
  BOOST_TEST(all[0].header("Nats-Msg-Id").find("dlq:") == 0u);
  std::set<std::string> good;
  for (const auto& request : receiver.requests("/Good")) good.insert(request.headers.at("webhook-id"));
  BOOST_TEST(good.size() == 5u);
}

BOOST_FIXTURE_TEST_CASE(three_rolling_restarts_while_a_retry_waits_end_in_one_more_try, ExecutorFixture) {
  config.ack_wait_secs = 1;
  config.shutdown_timeout = "1s";
  receiver.answer("/", {{503}});
  config.observers =
      webhook("hook", receiver.url("/"), "*", "", "max_attempts = 9\ninitial_delay_ms = 60000\nmax_delay_ms = 60000");
  publish();
  for (std::size_t restart = 1; restart <= 3; ++restart) {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == restart; }));
    executor.signal(SIGTERM);
    BOOST_TEST(executor.wait() == 0);
  }
  receiver.answer("/", {{200}});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 4; }));
  BOOST_TEST(receiver.requests().back().headers.at("fraiseql-attempt") == "4");
  BOOST_TEST(letters().empty());
  BOOST_TEST(eventually([&] { return messages(stream + "_advisories") == 0; }));
}

BOOST_FIXTURE_TEST_CASE(dead_letter_subjects_of_another_stream_are_refused_with_both_names, ExecutorFixture) {
  BOOST_REQUIRE(
      !api("STREAM.CREATE." + stream + "_other", R"({"name":")" + stream + R"(_other","subjects":[")" + dlq_prefix + R"(.>"]})")
           .failed());
  config.observers = webhook("hook", receiver.url("/"));
  const auto finished = run(command(), {}, 30s);
  BOOST_TEST(finished.status == 78);
  BOOST_TEST(finished.err.find(stream + "_dlq") != std::string::npos);
  BOOST_TEST(finished.err.find(stream + "_other") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(another_cap_is_applied_to_the_stream_that_is_there_unless_letters_would_be_over_it, ExecutorFixture) {
  receiver.answer("/", {{404}});
  config.observers = webhook("hook", receiver.url("/"));
  const auto cap = [&] {
    rapidjson::Document info;
    info.Parse(api("STREAM.INFO." + stream + "_dlq").json.c_str());
    return info["config"]["max_msgs"].GetInt64();
  };
  // Until the executor has done its part: the cap is there, or it has said why not.
  const auto with_cap = [&](const std::string& wanted, std::int64_t then, const std::string& said = "") {
    config.max_dlq_size = wanted;
    Child executor = start();
    BOOST_TEST(eventually([&] {
      return settled(4) && !api("STREAM.INFO." + stream + "_dlq").failed() && cap() == then && executor.err().find(said) != std::string::npos;
    }), wanted);
    executor.kill();
    BOOST_TEST(cap() == then);
    BOOST_TEST(letters().size() == 4u);
  };
  for (int i = 0; i < 4; ++i) publish();
  with_cap("10", 10);
  with_cap("20", 20);
  with_cap("4", 4);
  with_cap("3", 4, "observers.max_dlq_size = 3 is not applied, for it holds 4 letters; its cap stays 4");
  auto check = command();
  check.push_back("--check");
  const auto checked = run(check, {}, 30s);
  BOOST_TEST(checked.status == 1);
  BOOST_TEST(checked.out.find("is not applied, for it holds 4 letters") != std::string::npos, checked.out);
  with_cap("", -1);
}

BOOST_FIXTURE_TEST_CASE(a_message_over_the_cap_is_acknowledged_and_its_letter_counted, ExecutorFixture) {
  receiver.answer("/", {{404}});
  config.max_dlq_size = "1";
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 5; ++i) publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(5); }));
  BOOST_TEST(letters().size() == 1u);
  const auto lines = [&] {
    std::size_t count = 0;
    const std::string err = executor.err();
    for (std::size_t at = 0; (at = err.find("dead letter dropped", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  BOOST_TEST(eventually([&] { return lines() == 4; }));
}

BOOST_FIXTURE_TEST_CASE(thirty_kills_while_every_action_fails_leave_each_letter_exactly_once, ExecutorFixture) {
  receiver.answer("/", {{404, "no", {}, 5ms}});
  config.ack_wait_secs = 1;
  config.max_deliver = 100;
  config.observers = webhook("one", receiver.url("/")) + webhook("two", receiver.url("/"));
  std::uint64_t published = 0;
  for (int kills = 0; kills < 30; ++kills) {
    for (int i = 0; i < 10; ++i, ++published) publish();
    Child executor = start();
    const std::size_t before = receiver.requests().size();
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() >= before + 1 + static_cast<std::size_t>(kills % 7) * 3; }));
    executor.kill();
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(published); }, 60s));
  std::map<std::string, int> ids;
  for (const auto& letter : letters()) ++ids[std::string(letter.header("Nats-Msg-Id"))];
  BOOST_TEST(ids.size() == 2 * published);
  BOOST_TEST(std::count_if(ids.begin(), ids.end(), [](const auto& one) { return one.second != 1; }) == 0);
  BOOST_TEST(messages(stream + "_dlq") == 2 * published);
}
