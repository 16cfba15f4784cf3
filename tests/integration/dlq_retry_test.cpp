#define BOOST_TEST_MODULE dlq_retry
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "tests/support/programs.hpp"
#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;

namespace {

struct Retry : ExecutorFixture {
  std::vector<std::string> dlq_command(const std::vector<std::string>& words) {
    std::vector<std::string> all = command();
    all[0] = FRAISEQL_COMMAND;
    all.insert(all.begin() + 1, "dlq");
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  Finished dlq(const std::vector<std::string>& words) { return run(dlq_command(words), {}, 60s); }
  /// An observer with a webhook action for each path.
  std::string observer(const std::string& name, const std::vector<std::string>& paths, const std::string& more = "") const {
    std::string text = "[[observers]]\nname = \"" + name + "\"\n" + more;
    for (const std::string& path : paths) text += "[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + receiver.url(path) + "\"\n";
    return text + "[observers.retry]\nmax_attempts = 3\ninitial_delay_ms = 20\n";
  }
  /// Has an executor work on everything that is stored.
  void work(std::uint64_t stored) {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return settled(stored); }));
    executor.signal(SIGTERM);
    BOOST_REQUIRE(executor.wait() == 0);
  }
  std::string state(const std::string& of) {
    const std::string json = api("STREAM.INFO." + of).json;
    const auto at = json.find("\"state\"");
    return json.substr(at, json.find('}', at) - at);
  }
  std::string dlq_state() { return state(stream + "_dlq"); }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_retry_runs_the_failed_action_only_with_the_original_event_and_the_letter_goes, Retry) {
  receiver.answer("/two", {{422}});
  config.observers = observer("ship", {"/one", "/two", "/three"}) + observer("other", {"/other"});
  const std::string id = publish({.entity_id = "7", .data = "{\"total\":100.00}"});
  work(1);
  BOOST_REQUIRE(letters().size() == 1u);
  receiver.answer("/two", {{200}});
  const auto finished = dlq({"retry", "1"});
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(finished.out == "letter 1: done: ship, action 2\n1 done, 0 failed\n");
  BOOST_TEST(letters().empty());
  BOOST_TEST(receiver.requests("/one").size() == 1u);
  BOOST_TEST(receiver.requests("/three").size() == 1u);
  BOOST_TEST(receiver.requests("/other").size() == 1u);
  const auto two = receiver.requests("/two");
  BOOST_REQUIRE(two.size() == 2u);
  BOOST_TEST(two[1].body == two[0].body);
  for (const char* name : {"webhook-id", "fraiseql-pk", "fraiseql-observer"}) BOOST_TEST(two[1].headers.at(name) == two[0].headers.at(name), name);
  BOOST_TEST(two[1].headers.at("webhook-id") == id);
}

BOOST_FIXTURE_TEST_CASE(a_retry_that_fails_leaves_everything_as_it_was, Retry) {
  receiver.answer("/", {{422, "still wrong"}});
  config.observers = observer("ship", {"/"});
  publish();
  work(1);
  const std::string before = dlq_state(), events = state(stream);
  for (int i = 0; i < 2; ++i) {
    const auto finished = dlq({"retry", "1"});
    BOOST_TEST(finished.status == 1);
    BOOST_TEST(finished.out.find("letter 1: failed: ship, action 1: HTTP 422: still wrong (1 try)") == 0u, finished.out);
    BOOST_TEST(dlq_state() == before);
  }
  BOOST_TEST(state(stream) == events);
  BOOST_TEST(receiver.requests().size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_retry_has_all_the_tries_of_its_observer, Retry) {
  receiver.answer("/", {{422}, {503}, {503}, {200}});
  config.observers = observer("ship", {"/"});
  publish();
  work(1);
  BOOST_TEST(dlq({"retry", "1"}).status == 0);
  BOOST_TEST(receiver.requests().size() == 4u);
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(a_dry_run_changes_nothing_and_says_what_would_run, Retry) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  for (int i = 0; i < 3; ++i) publish();
  publish_raw(prefix + ".Order.INSERT", {}, "{");
  work(4);
  const std::string before = dlq_state(), events = state(stream), progress = state("KV_" + stream + "_progress");
  const auto all = dlq({"retry-all", "--dry-run"});
  BOOST_TEST(all.status == 1);  // one of them cannot be retried
  BOOST_TEST(all.out.find("3 would run, 1 could not") != std::string::npos, all.out);
  BOOST_TEST(all.out.find("would run: ship, action 1: POST " + receiver.url("/")) != std::string::npos, all.out);
  const auto json = dlq({"retry-all", "--reason", "action_failed", "--dry-run", "--format", "json"});
  BOOST_TEST(json.status == 0);
  BOOST_TEST(json.out.find("\"result\":\"would_run\"") != std::string::npos, json.out);
  BOOST_TEST(dlq_state() == before);
  BOOST_TEST(state(stream) == events);
  BOOST_TEST(state("KV_" + stream + "_progress") == progress);
  BOOST_TEST(receiver.requests().size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_retried_says_why_and_stays, Retry) {
  receiver.answer("/", {{422}});
  config.observers = observer("gone", {"/"}) + observer("shorter", {"/ok", "/"}) + observer("off", {"/"});
  publish();
  work(1);
  publish_raw(prefix + ".Order.INSERT", {}, "{");
  work(2);
  BOOST_REQUIRE(letters().size() == 4u);
  config.observers = observer("shorter", {"/ok"}) + observer("off", {"/"}, "enabled = false\n");
  receiver.answer("/", {{200}});
  const auto finished = dlq({"retry-all"});
  BOOST_TEST(finished.status == 1);
  for (const char* line : {"observer gone does not exist any more", "observer shorter has no action 2 any more; it has 1", "observer off is disabled",
                           "failed: undecodable", "0 done, 4 failed"})
    BOOST_TEST(finished.out.find(line) != std::string::npos, line << " in " << finished.out);
  BOOST_TEST(letters().size() == 4u);
  BOOST_TEST(receiver.requests("/").size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(of_max_deliveries_runs_what_is_not_known_done_and_each_success_is_remembered, Retry) {
  receiver.answer("/two", {{422}});
  config.observers = observer("ship", {"/one", "/two"}) + observer("mail", {"/mail"});
  work(0);
  const std::string id = "11111111-1111-4111-8111-111111111111";
  const std::string subject = prefix + ".Order.INSERT";
  publish_raw("$KV." + stream + "_progress.p." + id, {}, R"({"ship":[["done",1],["open",1]]})");
  publish_raw(dlq_prefix + ".Order.INSERT",
              {{"Nats-Msg-Id", "dlq:" + id + ":max_deliveries:0"}, {"Fraiseql-Dlq-Reason", "max_deliveries"}, {"Fraiseql-Event-Id", id}},
              R"({"event":"INSERT","entity":"Order","subject":")" + subject + R"(","timestamp":"2024-01-15T10:30:00Z","data":1})");
  const auto failed = dlq({"retry", "1"});
  BOOST_TEST(failed.status == 1);
  BOOST_TEST(failed.out.find("ship, action 2: HTTP 422") != std::string::npos, failed.out);
  BOOST_TEST(receiver.requests("/one").empty());
  BOOST_TEST(receiver.requests("/mail").size() == 1u);
  BOOST_TEST(letters().size() == 1u);
  receiver.answer("/two", {{200}});
  BOOST_TEST(dlq({"retry", "1"}).status == 0);
  BOOST_TEST(receiver.requests("/two").size() == 2u);
  BOOST_TEST(receiver.requests("/mail").size() == 1u);
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(an_event_without_an_id_keeps_the_one_that_receivers_know, Retry) {
  receiver.answer("/", {{422}, {200}});
  config.observers = observer("ship", {"/"});
  const std::string subject = prefix + ".Order.INSERT";
  publish_raw(subject, {}, R"({"event":"INSERT","entity":"Order","subject":")" + subject + R"(","timestamp":"2024-01-15T10:30:00Z","data":1})");
  work(1);
  BOOST_TEST(dlq({"retry", "1"}).status == 0);
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 2u);
  BOOST_TEST(requests[1].headers.at("webhook-id") == requests[0].headers.at("webhook-id"));
}

BOOST_FIXTURE_TEST_CASE(letters_are_retried_in_order_one_at_a_time_at_the_rate_asked_for, Retry) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(publish({.entity_id = "7"}));
  work(6);
  receiver.answer("/", {{200}});
  const auto began = std::chrono::steady_clock::now();
  const auto finished = dlq({"retry-all", "--observer", "ship", "--rate", "10"});
  BOOST_TEST(finished.status == 0, finished.out);
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 12u);
  for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(requests[6 + i].headers.at("webhook-id") == ids[i]);
  BOOST_TEST((requests[11].at - began >= 500ms));  // five tenths of a second after the first one was begun
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(a_stop_lets_the_one_in_hand_end_and_keeps_the_others, Retry) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  for (int i = 0; i < 5; ++i) publish();
  work(5);
  receiver.answer("/", {{200, "", {}, 1s}});
  Child retry(dlq_command({"retry-all"}));
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 6; }));
  retry.signal(SIGTERM);
  BOOST_TEST(retry.wait() == 1);
  BOOST_TEST(retry.out().find("1 done, 0 failed; stopped before the rest") != std::string::npos, retry.out());
  BOOST_TEST(letters().size() == 4u);
  BOOST_TEST(receiver.requests().size() == 6u);
}

BOOST_FIXTURE_TEST_CASE(a_letter_too_small_for_its_event_is_retried_from_the_stream, Retry) {
  receiver.answer("/", {{422}, {200}});
  config.observers = observer("ship", {"/"});
  publish({.data = "\"" + std::string(1'048'150, 'x') + "\""});
  work(1);
  BOOST_REQUIRE(letters().at(0).payload.empty());
  const auto finished = dlq({"retry", "1"});
  BOOST_TEST(finished.status == 0, finished.out);
  BOOST_TEST(receiver.requests().at(1).body == receiver.requests().at(0).body);
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(the_executor_takes_the_numbers_itself, Retry) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  for (int i = 0; i < 3; ++i) publish();
  work(3);
  receiver.answer("/", {{200}});
  auto words = command();
  words.insert(words.end(), {"--retry", "3", "1", "--log-level", "error"});
  const auto finished = run(words, {}, 30s);
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(finished.out == "letter 1: done: ship, action 1\nletter 3: done: ship, action 1\n2 done, 0 failed\n");
  BOOST_TEST(letters().size() == 1u);
  words = command();
  words.push_back("--dry-run");
  BOOST_TEST(run(words, {}, 30s).status == 64);
}

BOOST_FIXTURE_TEST_CASE(an_event_that_fails_again_after_its_letter_was_removed_has_a_letter_again, Retry) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  const std::string id = publish();
  work(1);
  BOOST_REQUIRE(dlq({"remove", "1"}).status == 0);
  // Another consumer begins at the beginning: twice, the second time with the letter there.
  for (int i = 0; i < 2; ++i) {
    BOOST_REQUIRE(!api("CONSUMER.DELETE." + stream + "." + consumer).failed());
    publish_raw("$KV." + stream + "_progress.floor", {{"KV-Operation", "DEL"}}, "");
    work(1);
    BOOST_TEST(receiver.requests().size() == 2u + static_cast<std::size_t>(i));
    const auto all = letters();
    BOOST_REQUIRE(all.size() == 1u);
    BOOST_TEST(all[0].header("Fraiseql-Event-Id") == id);
    BOOST_TEST(all[0].header("Nats-Msg-Id") == "dlq:" + id + ":ship:1:after-1");
  }
}
