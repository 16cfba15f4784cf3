#define BOOST_TEST_MODULE executor_database
#include <boost/test/unit_test.hpp>

#include <csignal>

#include "tests/support/executor_fixture.hpp"
#include "tests/support/status_listener.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct DatabaseFixture : ExecutorFixture {
  DatabaseFixture() : url(postgres_server().create_database()) {
    sql(url, R"(
      CREATE TABLE done (id text, observer text, argument jsonb);
      CREATE FUNCTION act(argument jsonb) RETURNS void LANGUAGE sql AS
        $$ INSERT INTO done VALUES (current_setting('fraiseql.event_id'), current_setting('fraiseql.observer'), argument) $$;
      CREATE SCHEMA "Odd One";
      CREATE FUNCTION "Odd One"."On Order"(argument jsonb, extra int DEFAULT 1) RETURNS int LANGUAGE sql AS
        $$ INSERT INTO public.done VALUES ('odd', '', argument) RETURNING 1 $$;
      CREATE FUNCTION slow(argument jsonb) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO done VALUES ('slow', '', argument); PERFORM pg_sleep(40); END $$;
      CREATE FUNCTION refuses(argument jsonb) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO done VALUES ('refuses', '', argument); RAISE EXCEPTION 'not in my house'; END $$;
      CREATE TABLE tries (n int); INSERT INTO tries VALUES (0); CREATE SEQUENCE calls;
      CREATE FUNCTION conflicts(argument jsonb) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN IF nextval('calls') < 3 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END IF; PERFORM act(argument); END $$;
    )");
    environment.environment["DATABASE_URL"] = url;
  }
  void observer(const std::string& function, const std::string& entity = "*", const std::string& more = "",
                const std::string& retry = "max_attempts = 3\ninitial_delay_ms = 20\n") {
    config.observers += "[[observers]]\nname = '" + function + "'\nentity = \"" + entity +
                        "\"\n[[observers.actions]]\ntype = \"database\"\nfunction_name = '" + function + "'\n" + more +
                        "\n[observers.retry]\n" + retry + "\n";
  }
  Child start_calling() { return Child(command(), environment); }
  StoredMessage letter_of(const std::string& name) {
    for (const auto& letter : letters())
      if (letter.header("Fraiseql-Dlq-Observer") == name) return letter;
    return {};
  }
  std::string done() { return sql(url, "SELECT count(*) FROM done"); }

  std::string url;
  Child::Options environment;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_function_gets_the_event_and_the_parameters_digit_by_digit, DatabaseFixture) {
  observer("act", "*", "params = { region = \"eu\", limits = [1, 2.5] }");
  const std::string id = publish({.data = R"({"total":100.00,"big":9007199254740993,"quote":"it's \"so\"","huge":1e400})"});
  Child executor = start_calling();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(letters().empty());
  BOOST_TEST(sql(url,
                 "SELECT id, observer, argument->'params', argument->'event'->>'event', argument->'event'->'data'->>'total', "
                 "argument->'event'->'data'->>'big', argument->'event'->'data'->>'quote' FROM done") ==
             id + R"x(|act|{"limits": [1, 2.5], "region": "eu"}|INSERT|100.00|9007199254740993|it's "so")x");
}

BOOST_FIXTURE_TEST_CASE(a_quoted_name_with_a_schema_is_found_as_it_is_written, DatabaseFixture) {
  observer("\"Odd One\".\"On Order\"");
  publish();
  Child executor = start_calling();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(sql(url, "SELECT id FROM done") == "odd");
}

BOOST_FIXTURE_TEST_CASE(a_conflict_is_tried_again_and_an_exception_is_a_dead_letter_that_leaves_no_trace, DatabaseFixture) {
  StatusListener status(status_endpoint());
  observer("conflicts", "Conflict");
  observer("refuses", "Refuse");
  observer("missing", "Missing");
  for (const char* entity : {"Conflict", "Refuse", "Missing"}) publish({.entity = entity});
  Child executor = start_calling();
  BOOST_REQUIRE(eventually([&] { return settled(3); }));
  BOOST_TEST(letters().size() == 2u);
  BOOST_TEST(letter_of("refuses").header("Fraiseql-Dlq-Error").find("not in my house") != std::string_view::npos);
  BOOST_TEST(letter_of("refuses").header("Fraiseql-Dlq-Error").find("SQLSTATE P0001") != std::string_view::npos);
  BOOST_TEST(letter_of("refuses").header("Fraiseql-Dlq-Attempts") == "1");
  BOOST_TEST(letter_of("missing").header("Fraiseql-Dlq-Error").find("SQLSTATE 42883") != std::string_view::npos);
  BOOST_TEST(letter_of("missing").header("Fraiseql-Dlq-Attempts") == "1");
  BOOST_TEST(sql(url, "SELECT count(*), min(observer) FROM done") == "1|conflicts");
  const Labels errors{{"action_type", "database"}, {"error_type", "database"}};
  BOOST_TEST(eventually([&] { return status.counter("fraiseql_observer_action_errors_total", errors) == 4; }));
  BOOST_TEST(status.counter("fraiseql_observer_events_failed_total", {{"error_type", "database"}}) == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_function_that_takes_too_long_is_cancelled_by_the_server_and_leaves_no_trace, DatabaseFixture) {
  StatusListener status(status_endpoint());
  observer("slow", "*", "timeout_secs = 1", "max_attempts = 1\n");
  publish();
  Child executor = start_calling();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(letter_of("slow").header("Fraiseql-Dlq-Error").find("statement timeout") != std::string_view::npos);
  BOOST_TEST(done() == "0");
  BOOST_TEST(eventually([&] {
    return status.counter("fraiseql_observer_events_failed_total", {{"error_type", "timeout"}}) == 1;
  }));
}

BOOST_FIXTURE_TEST_CASE(calls_go_on_after_the_database_was_away_and_each_counts_once, DatabaseFixture) {
  observer("act", "*", "", "max_attempts = 100\nbackoff_strategy = \"fixed\"\ninitial_delay_ms = 300\n");
  publish();
  Child executor = start_calling();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  // The kept connection is dead: the next call makes another one, without a failed try.
  postgres_server().restart();
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  postgres_server().kill();
  for (int i = 0; i < 10; ++i) publish();
  BOOST_TEST(eventually([&] { return unsettled() == 10; }));
  postgres_server().start();
  BOOST_REQUIRE(eventually([&] { return settled(12); }));
  BOOST_TEST(letters().empty());
  BOOST_TEST(sql(url, "SELECT count(*), count(DISTINCT id) FROM done") == "12|12");
}

BOOST_FIXTURE_TEST_CASE(a_stop_ends_in_time_while_a_function_runs_and_the_function_ends_too, DatabaseFixture) {
  config.shutdown_timeout = "1s";
  observer("slow", "*", "timeout_secs = 60");
  publish();
  Child executor = start_calling();
  const std::string running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT \"slow\"%'";
  BOOST_REQUIRE(eventually([&] { return sql(url, running) == "1"; }));
  const auto begin = std::chrono::steady_clock::now();
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 5s));
  BOOST_TEST(unsettled() == 1u);
  BOOST_TEST(eventually([&] { return sql(url, running) == "0"; }, 10s));
  BOOST_TEST(done() == "0");
}

BOOST_FIXTURE_TEST_CASE(check_tells_of_a_function_that_is_missing_or_may_not_be_called, DatabaseFixture) {
  sql(url, "CREATE ROLE nobody_" + stream + " LOGIN; REVOKE EXECUTE ON FUNCTION act(jsonb) FROM PUBLIC");
  observer("missing");
  observer("act");
  observer("\"Odd One\".\"On Order\"");
  auto line = command();
  line.push_back("--check");
  const Finished owner = run(line, environment);
  BOOST_TEST(owner.status == 1);
  BOOST_TEST(owner.out.find("missing: ") != std::string::npos, owner.out);
  BOOST_TEST(owner.out.find("does not exist") != std::string::npos, owner.out);
  BOOST_TEST(owner.out.find("EXECUTE") == std::string::npos, owner.out);
  BOOST_TEST(owner.out.find("Odd One") == std::string::npos, owner.out);
  std::string other = url;
  other.replace(other.find("postgres@"), 9, "nobody_" + stream + "@");
  environment.environment["DATABASE_URL"] = other;
  const Finished nobody = run(line, environment);
  BOOST_TEST(nobody.out.find("act: this user may not EXECUTE") != std::string::npos, nobody.out);
}
