#define BOOST_TEST_MODULE executor_delivery
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;

BOOST_FIXTURE_TEST_CASE(a_slow_webhook_beyond_ack_wait_is_delivered_once, ExecutorFixture) {
  config.ack_wait_secs = 1;
  receiver.answer("/", {{200, "", {}, 3500ms}});
  config.observers = webhook("slow", receiver.url("/"));
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(receiver.requests().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_executor_killed_in_an_action_repeats_it_with_the_same_id, ExecutorFixture) {
  config.ack_wait_secs = 1;
  receiver.answer("/", {{200, "", {}, 10s}, {200}});
  config.observers = webhook("hook", receiver.url("/"));
  const std::string id = publish();
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 1; }));
    executor.kill();
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 2u);
  BOOST_TEST(requests[0].headers.at("webhook-id") == id);
  BOOST_TEST(requests[1].headers.at("webhook-id") == id);
}

BOOST_FIXTURE_TEST_CASE(what_an_earlier_executor_has_done_is_not_done_again, ExecutorFixture) {
  config.ack_wait_secs = 1;
  receiver.answer("/second", {{200, "", {}, 10s}, {200}});
  config.observers = webhook("first", receiver.url("/first")) + webhook("second", receiver.url("/second"));
  publish();
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.requests("/second").size() == 1; }));
    executor.kill();
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(receiver.requests("/first").size() == 1u);
  BOOST_TEST(receiver.requests("/second").size() == 2u);
  // Nothing is left in the bucket but marks of deletion.
  BOOST_TEST(eventually([&] { return api("STREAM.MSG.GET.KV_" + stream + "_progress", R"({"seq":1})").failed(); }));
}

BOOST_FIXTURE_TEST_CASE(two_executors_share_the_work, ExecutorFixture) {
  config.max_concurrency = config.max_per_host = 2;
  receiver.answer("/", {{200, "", {}, 100ms}});
  config.observers = webhook("hook", receiver.url("/"));
  Child one = start(), two = start();
  BOOST_REQUIRE(eventually([&] { return consumer_exists(); }));
  for (int i = 0; i < 40; ++i) publish();
  BOOST_REQUIRE(eventually([&] { return settled(40); }));
  BOOST_TEST(receiver.requests().size() == 40u);
  BOOST_TEST(ids(receiver.requests()).size() == 40u);
  BOOST_TEST(receiver.most_at_once() == 4);
}

BOOST_FIXTURE_TEST_CASE(the_changes_of_one_entity_run_in_order_even_when_one_is_tried_again, ExecutorFixture) {
  receiver.answer("/", {{500}, {500}, {200, "", {}, 30ms}, {503}, {200, "", {}, 30ms}, {500}, {200, "", {}, 5ms}});
  config.observers = webhook("hook", receiver.url("/"));
  std::map<std::string, std::vector<std::string>> made;
  for (int i = 0; i < 30; ++i) {
    const std::string entity = std::to_string(i % 3);
    made[entity].push_back(publish({.entity_id = entity, .data = "{\"entity\":" + entity + "}"}));
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(30); }));
  std::map<std::string, std::vector<std::string>> came;
  for (const auto& request : receiver.requests()) {
    auto& line = came[request.body.substr(request.body.find("\"data\":{\"entity\":") + 17, 1)];
    const auto& id = request.headers.at("webhook-id");
    if (line.empty() || line.back() != id) line.push_back(id);
  }
  for (const auto& [entity, line] : made) BOOST_TEST(came[entity] == line, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_stop_in_the_middle_of_work_finishes_it_and_causes_no_duplicate, ExecutorFixture) {
  config.ack_wait_secs = 1;
  receiver.answer("/", {{200, "", {}, 700ms}});
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 10; ++i) publish();
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.open_requests() > 3; }));
    executor.signal(SIGTERM);
    BOOST_TEST(executor.wait() == 0);
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(10); }));
  BOOST_TEST(receiver.requests().size() == 10u);
  BOOST_TEST(ids(receiver.requests()).size() == 10u);
}

BOOST_FIXTURE_TEST_CASE(a_stop_hands_back_what_waits_too_long_and_the_next_one_goes_on_counting, ExecutorFixture) {
  config.shutdown_timeout = "5s";
  receiver.answer("/", {{503}, {200}});
  config.observers =
      webhook("hook", receiver.url("/"), "*", "", "max_attempts = 3\ninitial_delay_ms = 60000\nmax_delay_ms = 60000");
  publish({.entity_id = "1"});
  publish({.entity_id = "1"});
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 1; }));
    const auto began = std::chrono::steady_clock::now();
    executor.signal(SIGTERM);
    BOOST_TEST(executor.wait() == 0);
    BOOST_TEST((std::chrono::steady_clock::now() - began < 3s));  // it does not wait for what cannot end in time
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 3u);
  BOOST_TEST(requests[1].headers.at("webhook-id") == requests[0].headers.at("webhook-id"));
  BOOST_TEST(requests[1].headers.at("fraiseql-attempt") == "2");
  BOOST_TEST(requests[2].headers.at("webhook-id") != requests[0].headers.at("webhook-id"));
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(an_action_longer_than_the_shutdown_timeout_is_broken_off_and_handed_back, ExecutorFixture) {
  config.shutdown_timeout = "1s";
  receiver.answer("/", {{200, "", {}, 20s}, {200}});
  config.observers = webhook("hook", receiver.url("/"));
  publish();
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 1; }));
    executor.signal(SIGTERM);
    BOOST_TEST(executor.wait(10s) == 0);
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }, 10s));  // not only after ack_wait
  BOOST_TEST(ids(receiver.requests()).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_executor_waits_for_a_stream_that_is_missing_and_says_so_once, ExecutorFixture) {
  delete_stream();
  config.observers = webhook("hook", receiver.url("/"));
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return said(executor, "the stream is missing"); }));
  create_stream();
  publish();
  BOOST_TEST(eventually([&] { return receiver.requests().size() == 1; }));
  const std::string log = executor.err();
  BOOST_TEST(log.find("the stream is missing") == log.rfind("the stream is missing"));
  BOOST_TEST(said(executor, "[observers] stream: " + stream));
}

BOOST_FIXTURE_TEST_CASE(a_consumer_that_is_deleted_is_made_anew_and_nothing_settled_runs_again, ExecutorFixture) {
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 5; ++i) publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(5); }));
  delete_consumer();
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(6); }));
  BOOST_TEST(receiver.requests().size() == 6u);
}

BOOST_FIXTURE_TEST_CASE(a_stream_made_anew_under_work_in_flight_loses_nothing_of_the_new_one, ExecutorFixture) {
  config.ack_wait_secs = 2;
  receiver.answer("/Old", {{200, "", {}, 1500ms}});
  receiver.answer("/New", {{200, "", {}, 100ms}});
  config.max_concurrency = config.max_per_host = 4;
  config.observers = webhook("old", receiver.url("/Old"), "Old") + webhook("new", receiver.url("/New"), "New");
  for (int i = 0; i < 4; ++i) publish({.entity = "Old"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 4; }));
  delete_stream();
  create_stream();
  for (int i = 0; i < 8; ++i) publish({.entity = "New"});
  BOOST_REQUIRE(eventually([&] { return settled(8); }));
  BOOST_TEST(ids(receiver.requests("/New")).size() == 8u);
  BOOST_TEST(receiver.requests("/New").size() == 8u);
  BOOST_TEST(receiver.requests("/Old").size() == 4u);
}

BOOST_FIXTURE_TEST_CASE(an_executor_survives_a_restart_of_nats_and_its_acks_follow, ExecutorFixture) {
  receiver.answer("/", {{200, "", {}, 2s}});
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 3; ++i) publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 3; }));
  nats_server().restart();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 0; }));
  receiver.answer("/", {{200}});
  BOOST_REQUIRE(eventually([&] {
    try {
      return settled(3);
    } catch (const std::exception&) {  // our own connection comes back, too
      return false;
    }
  }));
  publish();
  const bool went_on = eventually([&] { return receiver.requests().size() == 4; });
  BOOST_TEST(went_on, executor.err());
  BOOST_TEST(ids(receiver.requests()).size() == 4u);
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(another_executor_takes_over_from_a_frozen_one, ExecutorFixture) {
  config.ack_wait_secs = 1;
  config.max_concurrency = config.max_per_host = 1;
  receiver.answer("/", {{200, "", {}, 400ms}});
  config.observers = webhook("hook", receiver.url("/"));
  for (int i = 0; i < 6; ++i) publish();
  Child frozen = start();
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 1; }));
  frozen.signal(SIGSTOP);
  Child other = start();
  // The frozen one may have a pull open at the server, whose messages come back after ack_wait, too.
  BOOST_REQUIRE(eventually([&] { return ids(receiver.requests()).size() == 6; }));
  frozen.signal(SIGCONT);
  BOOST_REQUIRE(eventually([&] { return settled(6); }));
  BOOST_TEST(receiver.requests().size() <= 7u);  // the one that it was frozen in
}

BOOST_FIXTURE_TEST_CASE(an_executor_that_shall_not_run_here_says_so, ExecutorFixture) {
  Child::Options options;
  options.environment["FRAISEQL_NATS_RUN_EXECUTORS"] = "false";
  const auto finished = run(command(), options);
  BOOST_TEST(finished.status == 78);
}

BOOST_FIXTURE_TEST_CASE(check_tells_whether_everything_is_there_and_changes_nothing, ExecutorFixture) {
  config.observers = webhook("hook", receiver.url("/"));
  auto words = command();
  words.push_back("--check");
  BOOST_TEST(run(words).status == 0);
  BOOST_TEST(!consumer_exists());
  delete_stream();
  const auto finished = run(words);
  BOOST_TEST(finished.status == 1);
  BOOST_TEST(finished.out.find("stream " + stream + " does not exist") != std::string::npos);
}
