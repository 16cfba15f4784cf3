// servers: none
#define BOOST_TEST_MODULE dlq_postgres
#include <rapidjson/document.h>
#include <signal.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "tests/support/log_executor_fixture.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

namespace {

struct Dlq : LogExecutorFixture {
  Words command(const Words& words) {
    Words all{FRAISEQL_COMMAND, "dlq"};
    for (const auto& more : {arguments(), words}) all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Finished dlq(const Words& words) { return run(command(words), environment(), 60s); }
  Words executor(const Words& words) {
    Words all = arguments();
    all.insert(all.begin(), EXECUTOR);
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

  /// An observer with a webhook action for each path.
  std::string observer(const std::string& name, const Words& paths, const std::string& more = "") const {
    std::string text = "[[observers]]\nname = \"" + name + "\"\n" + more;
    for (const std::string& path : paths) text += "[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + receiver.url(path) + "\"\n";
    return text + "[observers.retry]\nmax_attempts = 3\ninitial_delay_ms = 20\n";
  }
  /// Has an executor work on everything that is in the log.
  void work() {
    Child worker = start();
    BOOST_REQUIRE(eventually([&] { return settled(); }));
    worker.signal(SIGTERM);
    BOOST_REQUIRE(worker.wait() == 0);
  }

  struct Facts {
    std::string reason = "action_failed", observer = "ship", entity = "Order", error = "HTTP 500", consumer = "fraiseql_observer_worker",
                failed_at = "2024-01-15 10:30:00.000001+00";
    int action = 1;
    std::string payload =
        R"({"event":"INSERT","entity":"Order","subject":"fraiseql.mutation.Order.INSERT","timestamp":"2024-01-15T10:30:00Z","data":1})";
  };
  void letter(const Facts& facts) {
    sql(database, "INSERT INTO core.tb_observer_dlq (transport_name, reason, observer, action, attempts, error, event_id, entity, operation, "
                  "failed_at, headers, payload) VALUES ('" + facts.consumer + "', '" + facts.reason + "', '" + facts.observer + "', " +
                      std::to_string(facts.observer.empty() ? 0 : facts.action) + ", 3, '" + facts.error + "', '" + unique("event-") + "', '" +
                      facts.entity + "', 'INSERT', '" + facts.failed_at + "', '{}', '" + facts.payload + "')");
  }
  /// Numbers of the letters that `list` shows.
  Numbers listed(Words filter) {
    filter.insert(filter.begin(), "list");
    filter.insert(filter.end(), {"--format", "json"});
    const auto finished = dlq(filter);
    BOOST_TEST(finished.status == 0, finished.err);
    rapidjson::Document document;
    document.Parse(finished.out.c_str());
    BOOST_REQUIRE(!document.HasParseError());
    Numbers numbers;
    for (const auto& one : document["letters"].GetArray()) numbers.push_back(one["number"].GetUint64());
    return numbers;
  }
  std::string count() const { return sql(database, "SELECT count(*) FROM core.tb_observer_dlq"); }
  std::string whole_table() const { return letters("*"); }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_letter_of_an_executor_is_listed_and_shown_whole, Dlq) {
  receiver.answer("/", {{422, "no such order"}});
  config.observers = observer("ship", {"/"});
  sql(database, "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, object_data) VALUES ('Order', 'UPDATE', "
                "'00000000-0000-4000-8000-000000000007', '{\"total\":100.00,\"big\":9007199254740993}')");
  work();
  const std::string id = *ids().begin();
  const auto text = dlq({"list"});
  BOOST_TEST(text.status == 0);
  for (const char* part : {"NUMBER", "action_failed", "Order", "ship/1", "HTTP 422: no such order", id.c_str()})
    BOOST_TEST(has(text.out, part), part << " in " << text.out);

  rapidjson::Document list;
  const auto json = dlq({"list", "--format", "json"});
  list.Parse(json.out.c_str());
  BOOST_REQUIRE(!list.HasParseError());
  const auto& one = list["letters"][0];
  BOOST_TEST(one["number"].GetUint64() == 1u);
  BOOST_TEST(one["reason"].GetString() == "action_failed");
  BOOST_TEST(one["entity"].GetString() == "Order");
  BOOST_TEST(one["operation"].GetString() == "UPDATE");
  BOOST_TEST(one["observer"].GetString() == "ship");
  BOOST_TEST(one["action"].GetUint64() == 1u);
  BOOST_TEST(one["attempts"].GetUint64() == 1u);
  BOOST_TEST(one["http_status"].GetUint64() == 422u);
  BOOST_TEST(one["event_id"].GetString() == id);
  BOOST_TEST(one["stream_seq"].IsNull());
  BOOST_TEST(one["failed_at"].GetString() ==
             sql(database, "SET timezone = 'UTC'; SELECT to_char(failed_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM core.tb_observer_dlq"));

  const auto shown = dlq({"show", "1"});
  BOOST_TEST(shown.status == 0);
  BOOST_TEST(has(shown.out, "\"big\": 9007199254740993"), shown.out);
  BOOST_TEST(has(shown.out, "Fraiseql-Entity-Id: 00000000-0000-4000-8000-000000000007"), shown.out);
  const auto machine = dlq({"show", "1", "--format", "json"});
  BOOST_TEST(has(machine.out, "\"payload\":" + receiver.requests().at(0).body), machine.out);
  rapidjson::Document whole;
  BOOST_REQUIRE(!whole.Parse(machine.out.c_str()).HasParseError());
  BOOST_TEST(whole["subject"].IsNull());
  BOOST_TEST(std::string(whole["stored_at"].GetString()).substr(0, 26) == std::string(one["failed_at"].GetString()).substr(0, 26));
  BOOST_TEST(whole["headers"]["Nats-Msg-Id"].GetString() == id);
}

BOOST_FIXTURE_TEST_CASE(a_letter_that_is_not_there_is_an_exit_code_of_one, Dlq) {
  letter({.consumer = "somebody_else"});
  for (const char* number : {"1", "5", "9999999999999999999"}) {
    const auto shown = dlq({"show", number});
    BOOST_TEST(shown.status == 1, number);
    BOOST_TEST(has(shown.err, std::string("there is no letter ") + number + " in table core.tb_observer_dlq"), shown.err);
    const auto removed = dlq({"remove", number});
    BOOST_TEST(removed.status == 1, number);
    BOOST_TEST(removed.out == "0 removed\n");
    const auto retried = dlq({"retry", number});
    BOOST_TEST(retried.status == 1, number);
    BOOST_TEST(has(retried.out, std::string("letter ") + number + ": failed: there is no such letter"), retried.out);
  }
  BOOST_TEST(count() == "1");
}

BOOST_FIXTURE_TEST_CASE(an_empty_queue_is_no_mistake_and_a_missing_table_is_one, Dlq) {
  BOOST_TEST(has(dlq({"list"}).out, "the dead letter queue is empty (table core.tb_observer_dlq"));
  for (const Words& words : std::vector<Words>{
           {"list"}, {"stats"}, {"list", "--format", "json"}, {"stats", "--format", "json"}, {"retry-all"}, {"remove", "--all"}})
    BOOST_TEST(dlq(words).status == 0, words.front());
  BOOST_TEST(listed({}) == Numbers{}, boost::test_tools::per_element());
  sql(database, "DROP TABLE core.tb_observer_dlq");
  for (const Words& words : std::vector<Words>{{"list"}, {"show", "1"}, {"stats"}, {"retry", "1"}, {"retry-all"}, {"remove", "1"}}) {
    const auto old = dlq(words);
    BOOST_TEST(old.status == EX_CONFIG, words.front());
    BOOST_TEST(has(old.err, "run: fraiseql migrate"), old.err);
  }
}

BOOST_FIXTURE_TEST_CASE(every_filter_lets_through_what_it_says, Dlq) {
  letter({.observer = "ship", .entity = "Order"});
  letter({.observer = "mirror", .entity = "Order"});
  letter({.reason = "undecodable", .observer = "", .entity = "User"});
  letter({.reason = "undecodable", .observer = "", .entity = "My Thing"});
  letter({.reason = "unpublishable", .observer = "", .entity = "Order"});
  letter({.observer = "ship", .entity = "User", .failed_at = "2024-01-15 22:00:00.000001+00"});
  letter({.observer = "ship", .entity = "User", .consumer = "somebody_else"});
  const std::pair<Words, Numbers> cases[] = {
      {{}, {1, 2, 3, 4, 5, 6}},
      {{"--observer", "ship"}, {1, 6}},
      {{"--observer", "mirror"}, {2}},
      {{"--observer", "other"}, {}},
      {{"--observer", "ship' OR 'a'='a"}, {}},
      {{"--entity", "Order"}, {1, 2, 5}},
      {{"--entity", "My Thing"}, {4}},
      {{"--entity", "Ord"}, {}},
      {{"--reason", "undecodable"}, {3, 4}},
      {{"--reason", "unpublishable"}, {5}},
      {{"--reason", "max_deliveries"}, {}},
      {{"--after", "4"}, {5, 6}},
      {{"--after", "6"}, {}},
      {{"--after", "18446744073709551615"}, {}},
      {{"--after", "2024-01-15T22:00:00.000001Z"}, {6}},
      {{"--after", "2024-01-15T22:00:00.000002Z"}, {}},
      {{"--after", "2024-01-15T11:30:00.000001+01:00"}, {1, 2, 3, 4, 5, 6}},
      {{"--limit", "2"}, {1, 2}},
      {{"--observer", "ship", "--entity", "User", "--reason", "action_failed", "--after", "2", "--limit", "1"}, {6}},
  };
  for (const auto& [filter, expected] : cases) {
    const auto found = listed(filter);
    BOOST_TEST(found == expected, boost::test_tools::per_element());
  }
}

BOOST_FIXTURE_TEST_CASE(remove_takes_away_what_is_named_and_nothing_else, Dlq) {
  for (int i = 0; i < 4; ++i) letter({});
  letter({.reason = "undecodable", .observer = ""});
  letter({.reason = "undecodable", .observer = ""});
  letter({.consumer = "somebody_else"});
  for (const Words& words : std::vector<Words>{{"remove"}, {"remove", "--reason", "undecodable"}, {"remove", "1", "--all"}})
    BOOST_TEST(dlq(words).status == EX_USAGE);
  BOOST_TEST(listed({}).size() == 6u);
  const auto two = dlq({"remove", "2", "3", "2", "--format", "json"});
  BOOST_TEST(two.status == 0);
  BOOST_TEST(two.out == "{\"removed\":2,\"missing\":[]}\n");
  BOOST_TEST(listed({}) == (Numbers{1, 4, 5, 6}), boost::test_tools::per_element());
  const auto gone = dlq({"remove", "2", "4", "7"});
  BOOST_TEST(gone.status == 1);
  BOOST_TEST(gone.err == "fraiseql: there is no letter 2\nfraiseql: there is no letter 7\n");
  BOOST_TEST(gone.out == "1 removed\n");
  BOOST_TEST(dlq({"remove", "--all", "--reason", "undecodable", "--limit", "1"}).out == "1 removed\n");
  BOOST_TEST(listed({}) == (Numbers{1, 6}), boost::test_tools::per_element());
  BOOST_TEST(dlq({"remove", "--all"}).out == "2 removed\n");
  BOOST_TEST(letters("pk_observer_dlq") == "7");  // of another consumer
}

BOOST_FIXTURE_TEST_CASE(stats_count_what_is_there, Dlq) {
  config.max_dlq_size = "50";
  letter({.observer = "ship", .entity = "Order"});
  letter({.observer = "mail", .entity = "User"});
  letter({.reason = "undecodable", .observer = "", .entity = "User", .failed_at = "2024-01-16 00:00:00+00"});
  letter({.consumer = "somebody_else"});
  rapidjson::Document stats;
  stats.Parse(dlq({"stats", "--format", "json"}).out.c_str());
  BOOST_REQUIRE(!stats.HasParseError());
  BOOST_TEST(stats["table"].GetString() == "core.tb_observer_dlq");
  BOOST_TEST(stats["consumer"].GetString() == "fraiseql_observer_worker");
  BOOST_TEST(stats["letters"].GetUint64() == 3u);
  BOOST_TEST(stats["bytes"].GetUint64() > 300u);
  BOOST_TEST(stats["cap"].GetUint64() == 50u);
  BOOST_TEST(stats["oldest"]["number"].GetUint64() == 1u);
  BOOST_TEST(stats["oldest"]["stored_at"].GetString() == "2024-01-15T10:30:00.000001000Z");
  BOOST_TEST(stats["newest"]["number"].GetUint64() == 3u);
  BOOST_TEST(stats["by_reason"]["action_failed"].GetUint64() == 2u);
  BOOST_TEST(stats["by_observer"]["mail"].GetUint64() == 1u);
  BOOST_TEST(stats["by_observer"].MemberCount() == 2u);
  BOOST_TEST(stats["by_entity"]["User"].GetUint64() == 2u);
  BOOST_TEST(dlq({"stats"}).out.find("3 letters in table core.tb_observer_dlq for fraiseql_observer_worker, at most 50") == 0u);
  config.max_dlq_size = "";
  BOOST_TEST(has(dlq({"stats"}).out, "no cap"));
}

BOOST_FIXTURE_TEST_CASE(a_retry_runs_the_failed_action_only_with_the_original_event_and_the_letter_goes, Dlq) {
  receiver.answer("/two", {{422}});
  config.observers = observer("ship", {"/one", "/two", "/three"}) + observer("other", {"/other"});
  insert(1);
  work();
  BOOST_REQUIRE(count() == "1");
  receiver.answer("/two", {{200}});
  const auto finished = dlq({"retry", "1"});
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(finished.out == "letter 1: done: ship, action 2\n1 done, 0 failed\n");
  BOOST_TEST(finished.err == "");
  BOOST_TEST(count() == "0");
  for (const char* path : {"/one", "/three", "/other"}) BOOST_TEST(receiver.requests(path).size() == 1u, path);
  const auto two = receiver.requests("/two");
  BOOST_REQUIRE(two.size() == 2u);
  BOOST_TEST(two[1].body == two[0].body);
  for (const char* name : {"webhook-id", "fraiseql-pk", "fraiseql-observer"}) BOOST_TEST(two[1].headers.at(name) == two[0].headers.at(name), name);
  BOOST_TEST(two[1].headers.at("webhook-id") == *ids().begin());
}

BOOST_FIXTURE_TEST_CASE(a_retry_that_fails_leaves_everything_as_it_was, Dlq) {
  receiver.answer("/", {{422, "still wrong"}});
  config.observers = observer("ship", {"/"});
  insert(1);
  work();
  const std::string before = whole_table();
  for (int i = 0; i < 2; ++i) {
    const auto finished = dlq({"retry", "1"});
    BOOST_TEST(finished.status == 1);
    BOOST_TEST(finished.out.find("letter 1: failed: ship, action 1: HTTP 422: still wrong (1 try)") == 0u, finished.out);
    BOOST_TEST(whole_table() == before);
  }
  BOOST_TEST(receiver.requests().size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_retry_has_all_the_tries_of_its_observer, Dlq) {
  receiver.answer("/", {{422}, {503}, {503}, {200}});
  config.observers = observer("ship", {"/"});
  insert(1);
  work();
  BOOST_TEST(dlq({"retry", "1"}).status == 0);
  BOOST_TEST(receiver.requests().size() == 4u);
  BOOST_TEST(count() == "0");
}

BOOST_FIXTURE_TEST_CASE(a_dry_run_changes_nothing_and_says_what_would_run, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(3);
  work();
  letter({.reason = "undecodable", .observer = "", .payload = "{"});
  const std::string before = whole_table();
  const auto all = dlq({"retry-all", "--dry-run"});
  BOOST_TEST(all.status == 1);  // one of them cannot be retried
  BOOST_TEST(has(all.out, "3 would run, 1 could not"), all.out);
  BOOST_TEST(has(all.out, "would run: ship, action 1: POST " + receiver.url("/")), all.out);
  BOOST_TEST(all.err == "");
  const auto json = dlq({"retry-all", "--reason", "action_failed", "--dry-run", "--format", "json"});
  BOOST_TEST(json.status == 0);
  BOOST_TEST(has(json.out, "{\"number\":1,\"result\":\"would_run\""), json.out);
  BOOST_TEST(has(dlq({"retry-all", "--limit", "2", "--after", "1", "--dry-run"}).out, "2 would run, 0 could not"));
  BOOST_TEST(whole_table() == before);
  BOOST_TEST(receiver.requests().size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_retried_says_why_and_stays, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("gone", {"/"}) + observer("shorter", {"/ok", "/"}) + observer("off", {"/"});
  insert(1);
  work();
  BOOST_REQUIRE(count() == "3");
  sql(database, "INSERT INTO core.tb_entity_change_log (object_type, modification_type, created_at) VALUES ('Order', 'INSERT', 'infinity')");
  work();
  BOOST_REQUIRE(letters("reason") == "action_failed\naction_failed\naction_failed\nunpublishable");
  letter({.reason = "undecodable", .observer = "", .payload = "{"});
  letter({.reason = "max_deliveries", .observer = ""});
  letter({.reason = "of_tomorrow", .observer = ""});
  letter({.observer = "shorter", .payload = "no event"});
  const std::string before = whole_table();
  config.observers = observer("shorter", {"/ok"}) + observer("off", {"/"}, "enabled = false\n");
  receiver.answer("/", {{200}});
  const auto finished = dlq({"retry-all"});
  BOOST_TEST(finished.status == 1);
  for (const char* line :
       {"observer gone does not exist any more", "observer shorter has no action 2 any more; it has 1", "observer off is disabled",
        "letter 4: failed: unpublishable: the row can be no event as it is; write a new row", "letter 5: failed: undecodable",
        "letter 6: failed: max_deliveries: transport postgres counts no deliveries", "its reason is of_tomorrow, which this version does not know",
        "letter 8: failed: the letter holds no event", "0 done, 8 failed"})
    BOOST_TEST(has(finished.out, line), line << " in " << finished.out);
  BOOST_TEST(whole_table() == before);
  BOOST_TEST(receiver.requests("/").size() == 3u);
  BOOST_TEST(receiver.requests("/ok").size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(letters_are_retried_in_order_one_at_a_time_at_the_rate_asked_for, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"}) + observer("mail", {"/mail"});
  insert(6, 1);
  work();
  letter({.observer = "mail"});
  receiver.answer("/", {{200}});
  const auto began = std::chrono::steady_clock::now();
  const auto finished = dlq({"retry-all", "--observer", "ship", "--rate", "2"});
  BOOST_TEST(finished.status == 0, finished.out);
  const auto requests = receiver.requests("/");
  BOOST_REQUIRE(requests.size() == 12u);
  for (std::size_t i = 0; i < 6; ++i) BOOST_TEST(requests[6 + i].headers.at("fraiseql-pk") == std::to_string(i + 1));
  BOOST_TEST((requests[11].at - began >= 2500ms));  // five pauses, however late the first request came
  BOOST_TEST(letters("observer") == "mail");
}

BOOST_FIXTURE_TEST_CASE(a_stop_lets_the_one_in_hand_end_and_keeps_the_others, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(5);
  work();
  receiver.answer("/", {{200}});
  receiver.hold();
  Child retry(command({"retry-all"}), environment());
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 6; }));
  retry.signal(SIGTERM);
  BOOST_TEST(!eventually([&] { return !retry.running(); }, 200ms));
  receiver.let_go();
  BOOST_TEST(retry.wait() == 1);
  BOOST_TEST(has(retry.out(), "1 done, 0 failed; stopped before the rest"), retry.out());
  BOOST_TEST(letters("pk_observer_dlq") == "2\n3\n4\n5");
  BOOST_TEST(receiver.requests().size() == 6u);
}

BOOST_FIXTURE_TEST_CASE(of_two_retries_at_once_one_acts_on_a_letter, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(2);
  work();
  receiver.answer("/", {{200}});
  receiver.hold();
  Child first(command({"retry", "1"}), environment());
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 3; }));
  const auto second = dlq({"retry", "1"});
  BOOST_TEST(second.status == 1);
  BOOST_TEST(second.out == "letter 1: failed: another retry has it in hand\n0 done, 1 failed\n");
  BOOST_TEST(has(dlq({"retry", "1", "--dry-run"}).out, "letter 1: would run"));  // only looks
  BOOST_TEST(dlq({"show", "1"}).status == 0);
  receiver.let_go();
  BOOST_TEST(first.wait() == 0);
  BOOST_TEST(first.out() == "letter 1: done: ship, action 1\n1 done, 0 failed\n");
  BOOST_TEST(receiver.requests().size() == 3u);
  BOOST_TEST(letters("pk_observer_dlq") == "2");
}

BOOST_FIXTURE_TEST_CASE(retries_of_all_letters_side_by_side_run_each_once, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(30);
  work();
  receiver.answer("/", {{200, "", {}, 5ms}});
  std::vector<Child> retries;
  for (int i = 0; i < 3; ++i) retries.emplace_back(command({"retry-all"}), environment());
  for (Child& retry : retries) retry.wait();
  BOOST_TEST(count() == "0");
  const auto requests = receiver.requests();
  BOOST_TEST(requests.size() == 60u);
  BOOST_TEST(ids_of(requests).size() == 30u);
}

BOOST_FIXTURE_TEST_CASE(a_retry_that_is_killed_in_the_middle_leaves_the_letter_to_the_next, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(1);
  work();
  const std::string before = whole_table();
  receiver.answer("/", {{200}});
  receiver.hold();
  {
    Child killed(executor({"--retry", "1"}), environment());
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 2; }));
    killed.signal(SIGKILL);
    killed.wait();
  }
  BOOST_TEST(whole_table() == before);
  receiver.let_go();
  BOOST_TEST(eventually([&] { return dlq({"retry", "1"}).status == 0; }));
  BOOST_TEST(count() == "0");
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_is_lost_while_the_action_runs_costs_no_second_run, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(2);
  work();
  receiver.answer("/", {{200}});
  receiver.hold();
  Child retry(command({"retry", "1", "2"}), environment());
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 3; }));
  BOOST_TEST(sql(database, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'fraiseql executor --retry'") == "1");
  receiver.let_go();
  BOOST_TEST(retry.wait() == 0, retry.err());
  BOOST_TEST(has(retry.out(), "2 done, 0 failed"), retry.out());
  BOOST_TEST(count() == "0");
  BOOST_TEST(receiver.requests().size() == 4u);
}

BOOST_FIXTURE_TEST_CASE(the_executor_takes_the_numbers_itself, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(3);
  work();
  receiver.answer("/", {{200}});
  const auto finished = run(executor({"--retry", "3", "1", "--log-level", "error"}), environment(), 30s);
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(finished.out == "letter 1: done: ship, action 1\nletter 3: done: ship, action 1\n2 done, 0 failed\n");
  BOOST_TEST(letters("pk_observer_dlq") == "2");
}

BOOST_FIXTURE_TEST_CASE(a_retry_that_could_not_remove_its_letter_does_not_act, Dlq) {
  receiver.answer("/", {{422}});
  config.observers = observer("ship", {"/"});
  insert(1);
  work();
  const std::string role = unique("reader");
  sql(database, "CREATE ROLE " + role + " LOGIN; GRANT USAGE ON SCHEMA core TO " + role + "; GRANT SELECT, INSERT ON core.tb_observer_dlq TO " + role);
  auto as_role = environment();
  as_role.environment["DATABASE_URL"] = "postgresql://" + role + database.substr(std::string("postgresql://postgres").size());
  receiver.answer("/", {{200}});
  BOOST_TEST(run(command({"show", "1"}), as_role).status == 0);
  const auto refused = run(command({"retry", "1"}), as_role);
  BOOST_TEST(refused.status == EX_CONFIG);
  BOOST_TEST(has(refused.err, "right DELETE on core.tb_observer_dlq is missing for role " + role), refused.err);
  const auto kept = run(command({"remove", "1"}), as_role);
  BOOST_TEST(kept.status == EX_CONFIG);
  BOOST_TEST(has(kept.err, "remove dead letters: "), kept.err);
  sql(database, "ALTER ROLE " + role + " SET default_transaction_read_only = on; GRANT DELETE ON core.tb_observer_dlq TO " + role);
  const auto read_only = run(command({"retry", "1"}), as_role);
  BOOST_TEST(read_only.status == EX_UNAVAILABLE);
  BOOST_TEST(has(read_only.err, "takes no writes"), read_only.err);
  BOOST_TEST(receiver.requests().size() == 1u);
  BOOST_TEST(count() == "1");
  sql(database, "ALTER ROLE " + role + " RESET default_transaction_read_only");
  BOOST_TEST(run(command({"retry", "1"}), as_role).status == 0);
  BOOST_TEST(receiver.requests().size() == 2u);
  BOOST_TEST(count() == "0");
}

BOOST_FIXTURE_TEST_CASE(only_an_action_that_publishes_asks_for_nats, Dlq) {
  config.transport = "[transport.nats]\nurl = \"nats://127.0.0.1:" + std::to_string(free_port()) + "\"\n";
  config.observers = observer("ship", {"/"}) + "[[observers]]\nname = \"tell\"\n[[observers.actions]]\ntype = \"nats\"\nsubject_template = \"told\"\n";
  letter({.observer = "ship"});
  letter({.observer = "tell"});
  BOOST_TEST(dlq({"retry", "1"}).status == 0);
  BOOST_TEST(receiver.requests().size() == 1u);
  BOOST_TEST(dlq({"retry", "2"}).status == EX_UNAVAILABLE);
  BOOST_TEST(letters("pk_observer_dlq") == "2");
}

BOOST_FIXTURE_TEST_CASE(each_kind_of_failure_has_its_exit_code, Dlq) {
  letter({});
  auto away = environment();
  away.environment["DATABASE_URL"] = "postgresql://postgres@127.0.0.1:" + std::to_string(free_port()) + "/none";
  for (const Words& words : std::vector<Words>{{"list"}, {"show", "1"}, {"stats"}, {"remove", "1"}, {"retry", "1"}, {"retry-all"}})
    BOOST_TEST(run(command(words), away).status == EX_UNAVAILABLE, words.front());
  BOOST_TEST(run(executor({"--retry", "1"}), away).status == EX_UNAVAILABLE);
  auto nowhere = environment();
  nowhere.environment.erase("DATABASE_URL");
  const auto unset = run(command({"list"}), nowhere);
  BOOST_TEST(unset.status == EX_CONFIG);
  BOOST_TEST(has(unset.err, "database.url"), unset.err);
  for (const Words& words : std::vector<Words>{{"show"}, {"show", "x"}, {"retry", "-1"}, {"list", "--limit", "0"}})
    BOOST_TEST(dlq(words).status == EX_USAGE, words.front());
  const auto far = dlq({"list", "--after", "2024-01-15T10:30:00+23:00"});  // an offset that PostgreSQL does not know
  BOOST_TEST(far.status == EX_CONFIG);
  BOOST_TEST(has(far.err, "a filter that PostgreSQL does not take"), far.err);

  const std::string memory = directory.file("memory.toml", "[transport]\ntransport = \"in_memory\"\n");
  for (const Words& words : std::vector<Words>{{FRAISEQL_COMMAND, "dlq", "list", "--config", memory}, {EXECUTOR, "--config", memory, "--retry", "1"}}) {
    const auto none = run(words, environment());
    BOOST_TEST(none.status == EX_CONFIG);
    BOOST_TEST(has(none.err, "keeps no dead letters"), none.err);
  }
}

BOOST_FIXTURE_TEST_CASE(ten_thousand_letters_are_listed_and_removed_in_bounded_memory, Dlq) {
  sql(database, "INSERT INTO core.tb_observer_dlq (transport_name, reason, observer, action, attempts, error, event_id, entity, operation, headers, "
                "payload) SELECT 'fraiseql_observer_worker', 'action_failed', 'ship', 1, 3, repeat('e', 8000), i, 'Order', 'INSERT', '{}', "
                "repeat('p', 8000) FROM generate_series(1, 10000) i");
  rusage before{}, after{};
  getrusage(RUSAGE_CHILDREN, &before);
  const auto list = dlq({"list"});
  BOOST_TEST(list.status == 0, list.err);
  getrusage(RUSAGE_CHILDREN, &after);
  BOOST_TEST_MESSAGE("at most " << after.ru_maxrss << " kB, other programs " << before.ru_maxrss << " kB");
  BOOST_TEST(after.ru_maxrss < std::max(60'000l, before.ru_maxrss + 1));
  std::istringstream lines(list.out);
  std::string line;
  std::getline(lines, line);
  for (int number = 1; number <= 10'000; ++number) {
    BOOST_REQUIRE(std::getline(lines, line));
    BOOST_REQUIRE(std::atoi(line.c_str()) == number);
  }
  BOOST_TEST(!std::getline(lines, line));
  BOOST_TEST(dlq({"remove", "--all", "--limit", "9999"}).out == "9999 removed\n");
  BOOST_TEST(letters("pk_observer_dlq") == "10000");
}
