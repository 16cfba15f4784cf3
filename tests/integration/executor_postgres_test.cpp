// servers: none
#define BOOST_TEST_MODULE executor_postgres
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <thread>

#include "tests/support/programs.hpp"
#include "tests/support/http.hpp"
#include "tests/support/log_executor_fixture.hpp"
#include "tests/support/usage.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;
using Clock = std::chrono::steady_clock;

namespace {

const std::string insert_one = "INSERT INTO core.tb_entity_change_log (object_type, modification_type) VALUES ('Order', 'INSERT');";

/// psql that stays, for transactions that stay open.
struct Psql {
  explicit Psql(const std::string& url) : child({"psql", "-XAtq", "-d", url}, options()) {}
  static Child::Options options() {
    Child::Options options;
    options.use_stdin = true;
    return options;
  }
  void say(const std::string& statements) {
    child.write(statements + "\nSELECT 'done " + std::to_string(++said_) + "';\n");
    const std::string words = "done " + std::to_string(said_) + "\n";
    if (!eventually([&] { return child.out().find(words) != std::string::npos; })) throw std::runtime_error("psql: " + child.err());
  }
  Child child;
  int said_ = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(changes_from_before_and_after_its_start_are_acted_on_once_and_the_checkpoint_follows, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  insert(300);
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 300; }));
  insert(50);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests().size() == 350u);
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
  BOOST_TEST(misordered(receiver.requests()) == 0u);
  BOOST_TEST(cursor() == 350);
  BOOST_TEST(said(executor, "[observers] transport: postgres"));
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_notification_wakes_it_and_without_one_the_poll_does, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  config.transport = "poll_interval_secs = 60";
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return said(executor, "reading the change log"); }));
  insert(1);
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 1; }));
  std::this_thread::sleep_for(3s);  // until its pauses are long
  insert(1);
  BOOST_TEST(eventually([&] { return receiver.requests().size() == 2; }, 5s));
  executor.signal(SIGTERM);
  BOOST_REQUIRE(executor.wait() == 0);
  config.transport = "poll_interval_secs = 1\nnotify_channel = \"\"";
  Child polls = start();
  BOOST_REQUIRE(eventually([&] { return said(polls, "reading the change log"); }));
  insert(1);
  BOOST_TEST(eventually([&] { return receiver.requests().size() == 3; }, 5s));
}

BOOST_FIXTURE_TEST_CASE(a_transaction_that_commits_late_is_acted_on_and_one_that_rolls_back_is_not, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  Psql late(database), rolled_back(database);
  late.say("BEGIN; " + insert_one + insert_one);
  rolled_back.say("BEGIN; " + insert_one);
  Child executor = start();
  insert(100);
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 100; }));
  rolled_back.say("ROLLBACK;");
  late.say("SAVEPOINT a; " + insert_one + "ROLLBACK TO a; " + insert_one + "COMMIT;");
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 103; }));
  insert(10);
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 113 && settled(); }));
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
}

BOOST_FIXTURE_TEST_CASE(the_changes_of_one_entity_run_in_order_even_when_one_is_tried_again, LogExecutorFixture) {
  receiver.answer("/", {{500}, {500}, {200, "", {}, 30ms}, {503}, {200, "", {}, 30ms}, {500}, {200, "", {}, 5ms}});
  config.observers = webhook("hook", "/");
  insert(60, 3);
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
  BOOST_TEST(misordered(receiver.requests()) == 0u);
}

BOOST_FIXTURE_TEST_CASE(clean_restarts_under_load_repeat_nothing, LogExecutorFixture) {
  receiver.answer("/", {{200, "", {}, 20ms}});
  config.observers = webhook("hook", "/");
  insert(1500, 100);
  for (int i = 1; i <= 4; ++i) {
    Child executor = start();
    const std::size_t until = receiver.requests().size() + 200;
    BOOST_REQUIRE(eventually([&] { return receiver.requests().size() >= until; }));
    executor.signal(SIGTERM);
    BOOST_TEST(executor.wait() == 0);
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests().size() == 1500u);
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
  BOOST_TEST(misordered(receiver.requests()) == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_clean_stop_remembers_what_is_done_beyond_a_change_that_waits_for_its_next_try, LogExecutorFixture) {
  receiver.answer("/slow", {{503}, {200}});
  config.shutdown_timeout = "5s";
  config.observers = webhook("first", "/first", "Slow") +
                     webhook("slow", "/slow", "Slow", "", "max_attempts = 3\ninitial_delay_ms = 60000\nmax_delay_ms = 60000\n") + webhook("hook", "/hook", "Order");
  insert(1, 1, "Slow");
  insert(200, 20);
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.requests("/slow").size() == 1 && receiver.requests("/hook").size() == 200; }));
    BOOST_TEST(cursor() == 0);  // the first change is not settled, so no prefix is
    const auto began = Clock::now();
    executor.signal(SIGTERM);
    BOOST_TEST(executor.wait() == 0);
    BOOST_TEST((Clock::now() - began < 4s));  // it does not wait for what cannot end in time
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests("/hook").size() == 200u);
  BOOST_TEST(receiver.requests("/first").size() == 1u);
  const auto slow = receiver.requests("/slow");
  BOOST_REQUIRE(slow.size() == 2u);
  BOOST_TEST(slow[0].headers.at("webhook-id") == slow[1].headers.at("webhook-id"));
  BOOST_TEST(slow[1].headers.at("fraiseql-attempt") == "2");
}

BOOST_FIXTURE_TEST_CASE(a_kill_repeats_no_more_than_the_channel_holds_and_under_the_same_ids, LogExecutorFixture) {
  config.channel_capacity = 40;
  receiver.answer("/stuck", {{200, "", {}, 20s}, {200}});
  config.observers = webhook("stuck", "/stuck", "Stuck") + webhook("hook", "/hook", "Order");
  insert(1, 1, "Stuck");
  insert(500, 50);
  {
    Child executor = start();
    // Not one more is taken while the first is not settled.
    BOOST_REQUIRE(eventually([&] { return receiver.requests("/hook").size() == 39 && receiver.open_requests() == 1; }));
    std::this_thread::sleep_for(500ms);
    BOOST_TEST(receiver.requests("/hook").size() == 39u);
    executor.kill();
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests().size() == 501u + 40u);
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
}

BOOST_FIXTURE_TEST_CASE(a_standby_takes_over_within_two_seconds_of_a_kill, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  Child leader = start();
  BOOST_REQUIRE(eventually([&] { return said(leader, "reading the change log"); }));
  Child standby = start();
  BOOST_REQUIRE(eventually([&] { return said(standby, "standing by"); }));
  insert(10);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  leader.kill();
  const auto killed = Clock::now();
  insert(1);
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 11; }, 5s));
  const auto took = Clock::now() - killed;
  BOOST_TEST_MESSAGE("taken over after " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
  BOOST_TEST((took < 2s));
}

BOOST_FIXTURE_TEST_CASE(twenty_kills_of_two_executors_under_load_lose_nothing_and_keep_the_order, LogExecutorFixture) {
  constexpr int kills = 20, capacity = 40;
  config.channel_capacity = capacity;
  receiver.answer("/", {{200, "", {}, 2ms}});
  config.observers = webhook("hook", "/");
  std::optional<Child> one, two;
  one.emplace(start());
  two.emplace(start());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) insert(120, 24);
  });
  for (int i = 0; i < kills; ++i) {
    const auto leads = [](const std::optional<Child>& child) { return said(*child, "reading the change log"); };
    const std::size_t before = receiver.requests().size();
    BOOST_REQUIRE(eventually([&] { return (leads(one) || leads(two)) && receiver.requests().size() > before + 60; }));
    std::optional<Child>& leader = leads(one) ? one : two;
    leader->kill();
    leader.emplace(start());
  }
  stop = true;
  writer.join();
  BOOST_REQUIRE(eventually([&] { return settled(); }, 60s));
  const auto requests = receiver.requests();
  const auto distinct = ids_of(requests);
  BOOST_TEST_MESSAGE(requests.size() << " requests for " << distinct.size() << " changes, " << kills << " kills");
  BOOST_TEST((distinct == ids()));  // nothing lost, and every repeat has the id of its change
  BOOST_TEST(requests.size() - distinct.size() <= static_cast<std::size_t>(kills * capacity));
  BOOST_TEST(misordered(requests) == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_restart_of_postgresql_in_mid_flow_repeats_nothing_and_the_leader_stays_the_leader, LogExecutorFixture) {
  receiver.answer("/", {{200, "", {}, 50ms}});
  config.observers = webhook("hook", "/");
  insert(600, 60);
  Child leader = start();
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() >= 60; }));
  Child standby = start();
  BOOST_REQUIRE(eventually([&] { return said(standby, "standing by"); }));
  postgres_server().restart();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  insert(10);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
  BOOST_TEST(receiver.requests().size() == 610u);
  BOOST_TEST(misordered(receiver.requests()) == 0u);
  BOOST_TEST(said(leader, "resumed=true"));
  BOOST_TEST(!said(standby, "reading the change log"));
}

BOOST_FIXTURE_TEST_CASE(a_leader_that_resumed_stays_the_leader_for_what_it_holds, LogExecutorFixture) {
  receiver.answer("/", {{200, "", {}, 5s}, {200, "", {}, 5s}, {200}});
  config.observers = webhook("hook", "/");
  insert(2);
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 2; }));
  postgres_server().restart();
  // Longer than the second after which the epoch is looked at.
  BOOST_REQUIRE(eventually([&] { return said(executor, "resumed=true"); }));
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests().size() == 2u);
  BOOST_TEST(!said(executor, "another epoch"));
}

BOOST_FIXTURE_TEST_CASE(what_ends_while_postgresql_is_away_is_saved_afterwards, LogExecutorFixture) {
  receiver.answer("/", {{200, "", {}, 1500ms}, {200, "", {}, 1500ms}, {200}});
  config.observers = webhook("hook", "/");
  insert(2);
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 2; }));
  postgres_server().kill();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 0; }));
  postgres_server().start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
  BOOST_TEST(receiver.requests().size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_leader_that_was_frozen_drops_what_it_had_not_begun, LogExecutorFixture) {
  config.max_concurrency = 1;
  receiver.answer("/", {{200, "", {}, 300ms}});
  config.observers = webhook("hook", "/");
  insert(20, 20);
  Child frozen = start();
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() == 3; }));
  frozen.signal(SIGSTOP);
  Child other = start();
  // The server closes the session of the frozen one, and with it goes the lock.
  BOOST_REQUIRE(eventually([&] { return said(other, "reading the change log"); }, 20s));
  frozen.signal(SIGCONT);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(eventually([&] { return said(frozen, "standing by"); }));
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
  BOOST_TEST(receiver.requests().size() <= 20u + 3u);  // settled and not yet saved, and the one that it was frozen in
}

BOOST_FIXTURE_TEST_CASE(dead_letters_are_there_exactly_once_across_kills, LogExecutorFixture) {
  receiver.answer("/bad", {{400, "no such thing"}});
  config.channel_capacity = 30;
  config.observers = webhook("bad", "/bad") + webhook("good", "/good");
  insert(300, 300);
  for (int i = 1; i <= 5; ++i) {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return receiver.distinct("webhook-id") >= static_cast<std::size_t>(i) * 50; }));
    executor.kill();
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(sql(database, "SELECT count(*), count(DISTINCT event_id) FROM core.tb_observer_dlq") == "300|300");
  BOOST_TEST(sql(database,
                 "SELECT DISTINCT d.transport_name, reason, observer, action, attempts, http_status, d.entity, operation, d.pk = l.pk_entity_change_log, "
                 "d.failed_at > l.created_at, headers->>'Fraiseql-Entity-Id' = l.object_id::text, payload::json->'data'->>'n' = l.object_data->>'n' "
                 "FROM core.tb_observer_dlq d JOIN core.tb_entity_change_log l ON l.id::text = d.event_id") ==
             "fraiseql_observer_worker|action_failed|bad|1|1|400|Order|UPDATE|t|t|t|t");
}

BOOST_FIXTURE_TEST_CASE(a_full_dead_letter_table_drops_the_newest_and_says_so, LogExecutorFixture) {
  receiver.answer("/", {{400}});
  config.max_dlq_size = "3";
  config.observers = webhook("bad", "/");
  insert(5, 1);
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(letters("pk") == "1\n2\n3");
  BOOST_TEST(said(executor, "dead letter dropped, the dead letter queue is full"));
}

BOOST_FIXTURE_TEST_CASE(a_letter_that_cannot_be_written_is_repeated_and_nothing_new_begins_until_then, LogExecutorFixture) {
  receiver.answer("/bad", {{400}});
  config.observers = webhook("bad", "/bad", "Bad") + webhook("good", "/good", "Order");
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return said(executor, "reading the change log"); }));
  sql(database, "ALTER TABLE core.tb_observer_dlq RENAME TO elsewhere");
  insert(1, 1, "Bad");
  BOOST_REQUIRE(eventually([&] { return said(executor, "a dead letter cannot be written"); }));
  insert(5);
  std::this_thread::sleep_for(1500ms);
  BOOST_TEST(receiver.requests("/good").empty());
  BOOST_TEST(cursor() == 0);
  sql(database, "ALTER TABLE core.elsewhere RENAME TO tb_observer_dlq");
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests("/good").size() == 5u);
  BOOST_TEST(letters("pk") == "1");
}

BOOST_FIXTURE_TEST_CASE(a_row_that_can_be_no_event_is_a_dead_letter_and_its_neighbours_go_on, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  insert(1);
  sql(database, "INSERT INTO core.tb_entity_change_log (object_type, modification_type, created_at) VALUES ('Order', 'INSERT', 'infinity'), (repeat('é', 150), 'INSERT', now())");
  insert(1);
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests().size() == 2u);
  BOOST_TEST(letters("pk, reason, length(entity), observer, action, event_id = (SELECT id::text FROM core.tb_entity_change_log WHERE pk_entity_change_log = pk), payload::json->>'pk'") ==
             "2|unpublishable|5||0|t|2\n3|unpublishable|150||0|t|3");
  executor.kill();
  Child again = start();
  insert(1);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(letters("pk") == "2\n3");
}

BOOST_FIXTURE_TEST_CASE(rows_of_many_megabytes_are_acted_on_and_memory_stays_bounded, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  config.max_concurrency = 2;
  sql(database, "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_data) SELECT 'Large', 'INSERT', to_jsonb(repeat('x', 8 << 20)) FROM generate_series(1, 30)");
  Child executor = start();
  double peak = 0;
  BOOST_REQUIRE(eventually([&] {
    peak = peak_mb(executor.pid());
    return settled();
  }, 120s));
  BOOST_TEST(receiver.requests().size() == 30u);
  BOOST_TEST_MESSAGE("peak " << peak << " MiB");
  BOOST_TEST((sanitized || peak < 200));  // of 240 MiB that wait
}

BOOST_FIXTURE_TEST_CASE(another_epoch_in_the_checkpoint_makes_it_read_again_from_there, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  insert(10, 10);
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  sql(database, "UPDATE core.tb_transport_checkpoint SET epoch = epoch + 1, snapshot = NULL, window_snapshot = NULL, window_pk = NULL, last_pk = 7");
  insert(1);
  // Three of the ten again, and the new one: twice when it was acted on before the epoch was looked at.
  BOOST_REQUIRE(eventually([&] { return said(executor, "another epoch") && settled() && receiver.requests().size() >= 14; }));
  BOOST_TEST((ids_of(receiver.requests()) == ids()));
}

BOOST_FIXTURE_TEST_CASE(a_copied_database_is_refused_and_acted_on_by_nobody, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  insert(3);
  sql(database, "ALTER TABLE core.tb_entity_change_log DISABLE TRIGGER trigger_zz_entity_change_xact_id; UPDATE core.tb_entity_change_log SET xact_id = '9000000000000'; "
                "ALTER TABLE core.tb_entity_change_log ENABLE ALWAYS TRIGGER trigger_zz_entity_change_xact_id");
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return said(executor, "this database is a copy"); }) );
  BOOST_TEST(receiver.requests().empty());
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(check_says_which_rights_and_tables_are_missing, LogExecutorFixture) {
  auto words = arguments();
  words.insert(words.begin(), EXECUTOR);
  words.push_back("--check");
  const auto good = run(words, environment());
  BOOST_TEST(good.status == 0, good.out);
  const std::string role = unique("reader");
  sql(database, "CREATE ROLE " + role + " LOGIN; GRANT USAGE ON SCHEMA core TO " + role + "; GRANT SELECT ON ALL TABLES IN SCHEMA core TO " + role);
  auto as_role = environment();
  as_role.environment["DATABASE_URL"] = "postgresql://" + role + database.substr(std::string("postgresql://postgres").size());
  const auto poor = run(words, as_role);
  BOOST_TEST(poor.status == 1);
  BOOST_TEST(poor.out.find("right INSERT on core.tb_observer_dlq is missing for role " + role) != std::string::npos, poor.out);
  BOOST_TEST(sql(database, "SELECT count(*) FROM core.tb_transport_checkpoint") == "0");
  // The grants of docs/transports.md are enough.
  sql(database, "GRANT INSERT, UPDATE ON core.tb_transport_checkpoint TO " + role + "; GRANT INSERT, DELETE ON core.tb_transport_checkpoint_history, core.tb_observer_progress TO " + role +
                    "; GRANT INSERT ON core.tb_observer_dlq TO " + role);
  const auto enough = run(words, as_role);
  BOOST_TEST(enough.status == 0, enough.out);
  insert(4);
  receiver.answer("/", {{400}, {200}});
  config.observers = webhook("hook", "/");
  auto command = arguments();
  command.insert(command.begin(), EXECUTOR);
  Child executor(command, as_role);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(letters("attempts") == "1");
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
  sql(database, "DROP TABLE core.tb_observer_dlq");
  BOOST_TEST(run(words, environment()).status == 1);
  Child old = start();
  BOOST_TEST(old.wait() == 78);
  BOOST_TEST(said(old, "run: fraiseql migrate"));
}

BOOST_FIXTURE_TEST_CASE(sighup_rereads_the_observers, LogExecutorFixture) {
  config.observers = webhook("before", "/before");
  auto command = arguments();
  const std::string file = command[1];
  command.insert(command.begin(), EXECUTOR);
  Child executor(command, environment());
  insert(1);
  BOOST_REQUIRE(eventually([&] { return receiver.requests("/before").size() == 1; }));
  config.observers = webhook("after", "/after");
  std::filesystem::copy_file(arguments()[1], file, std::filesystem::copy_options::overwrite_existing);
  executor.signal(SIGHUP);
  BOOST_REQUIRE(eventually([&] { return said(executor, "observers reread"); }));
  insert(1);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(receiver.requests("/before").size() == 1u);
  BOOST_TEST(receiver.requests("/after").size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(fraiseql_run_and_health_know_this_transport, LogExecutorFixture) {
  config.observers = webhook("hook", "/");
  config.health_port = free_port();
  auto command = arguments();
  command.insert(command.begin(), {FRAISEQL_COMMAND, "run", "--executors", "2"});
  Child pipeline(command, environment());
  const auto health = [&] { return http_get(config.health_port, "/health"); };
  const std::string well = R"({"status":"ok","databases":{"primary":{"status":"ok"}},"observers":{"transport":"postgres","connected":true}})";
  BOOST_REQUIRE(eventually([&] { return health().body.find(well) == 0; }));
  insert(5);
  BOOST_REQUIRE(eventually([&] { return settled(); }));
  BOOST_TEST(eventually([&] {
    const std::string metrics = http_get(config.health_port, "/metrics").body;
    return metrics.find("fraiseql_observer_events_processed_total 5") != std::string::npos && metrics.find("fraiseql_observer_backlog_size 0") != std::string::npos;
  }));
  postgres_server().kill();
  BOOST_TEST(eventually([&] {
    const auto answer = health();
    return answer.body.find(R"("primary":{"status":"down"})") != std::string::npos && answer.body.find(R"("connected":false)") != std::string::npos;
  }));
  postgres_server().start();
  BOOST_TEST(eventually([&] { return health().body.find(well) == 0; }));
  pipeline.signal(SIGTERM);
  BOOST_TEST(pipeline.wait() == 0);
  BOOST_TEST(receiver.requests().size() == 5u);
}

BOOST_FIXTURE_TEST_CASE(fifty_thousand_rows_say_how_fast_it_is, LogExecutorFixture) {
  config.observers = webhook("hook", "/", "Order");
  config.max_concurrency = 50;
  insert(40'000, 1000, "Other");
  insert(10'000, 1000);
  const auto began = Clock::now();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return receiver.requests().size() > 0; }, 120s));
  const auto first = Clock::now();
  BOOST_REQUIRE(eventually([&] { return receiver.distinct("webhook-id") == 10'000 && settled(); }, 120s));
  const auto seconds = [](Clock::duration time) { return std::chrono::duration<double>(time).count(); };
  std::cout << "40000 changes that nobody wants in " << seconds(first - began) << " s, 10000 webhooks in " << seconds(Clock::now() - first) << " s\n";
  BOOST_TEST(receiver.requests().size() == 10'000u);
}
