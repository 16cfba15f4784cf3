// servers: none
#define BOOST_TEST_MODULE executor_in_memory
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/support/programs.hpp"
#include "tests/support/child.hpp"
#include "tests/support/webhook_receiver.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  WebhookReceiver receiver;
  TempDir directory;
  std::string observers, executor_lines, transport = "in_memory";

  std::string webhook(const std::string& path, const std::string& entity = "*") const {
    return "[[observers]]\nname = \"hook" + path.substr(1) + "\"\nentity = \"" + entity +
           "\"\nevent_type = \"*\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + receiver.url(path) +
           "\"\n[observers.retry]\nmax_attempts = 3\ninitial_delay_ms = 20\n";
  }
  std::vector<std::string> command(const std::vector<std::string>& more = {}) const {
    const std::string file = directory.file(unique("observer") + ".toml", "[transport]\ntransport = \"" + transport + "\"\n[executor]\n" + executor_lines +
                                                                             "[security]\nallow_networks = [\"127.0.0.0/8\"]\n" + observers);
    std::vector<std::string> words{EXECUTOR, "--config", file};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Child start(const std::vector<std::string>& more = {}) const {
    Child::Options options;
    options.use_stdin = true;
    options.directory = directory.path().string();
    return Child(command(more), options);
  }
};

std::string event(int n, const std::string& entity = "Order") {
  return R"({"event":"INSERT","entity":")" + entity + R"(","subject":"fraiseql.mutation.)" + entity +
         R"(.INSERT","timestamp":"2024-01-15T10:30:00Z","data":{"n":)" + std::to_string(n) + "}}\n";
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(every_line_is_an_event_and_the_end_of_input_waits_for_all_of_them, Fixture) {
  observers = webhook("/slow", "Order");
  receiver.answer("/slow", {{200, "", {}, 300ms}});
  Child executor = start();
  executor.write(event(1) + "\n" + event(2) + event(3, "Other"));
  std::string last = event(4);
  last.pop_back();  // the last line needs no line break
  executor.write(last);
  executor.close_input();
  BOOST_TEST(executor.wait() == 0);
  BOOST_TEST(executor.out() == "events 4, not events 0, matched 3, actions ok 3, actions failed 0\n");
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 3u);
  BOOST_TEST(receiver.distinct("webhook-id") == 3u);
  // They have no entity id, so nothing says which comes first.
  std::set<std::string> bodies;
  for (const auto& request : requests) bodies.insert(request.body + "\n");
  BOOST_TEST(bodies == (std::set<std::string>{event(1), event(2), event(4)}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_line_that_is_no_event_is_named_and_counted_and_the_others_go_on, Fixture) {
  observers = webhook("/hook");
  Child executor = start();
  executor.write(event(1) + "{\"event\":\"INSERT\"}\nnonsense\n" + event(2));
  executor.close_input();
  BOOST_TEST(executor.wait() == 1);
  BOOST_TEST(executor.out() == "events 2, not events 2, matched 2, actions ok 2, actions failed 0\n");
  BOOST_TEST(executor.err().find("line=2") != std::string::npos);
  BOOST_TEST(executor.err().find("line=3") != std::string::npos);
  BOOST_TEST(receiver.requests().size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(an_action_that_fails_for_good_is_an_error_line_and_exit_1, Fixture) {
  observers = webhook("/bad", "Bad") + webhook("/flaky", "Order");
  receiver.answer("/bad", {{400}});
  receiver.answer("/flaky", {{500}, {200}});
  Child executor = start();
  executor.write(event(1, "Bad") + event(2));
  executor.close_input();
  BOOST_TEST(executor.wait() == 1);
  BOOST_TEST(executor.out() == "events 2, not events 0, matched 2, actions ok 1, actions failed 1\n");
  BOOST_TEST(executor.err().find("dead letter line=1 reason=\"action_failed\" observer=\"hookbad\"") != std::string::npos, executor.err());
}

BOOST_FIXTURE_TEST_CASE(a_dry_run_says_what_each_action_would_do_and_does_nothing, Fixture) {
  observers = webhook("/one") + webhook("/two", "Other") + "[[observers]]\nname = \"written\"\nentity = \"Order\"\nevent_type = \"INSERT\"\n[[observers.actions]]\ntype = \"log\"\n[[observers.actions]]\ntype = \"log\"\n";
  Child executor = start({"--dry-run"});
  executor.write(event(1) + event(2, "Other"));
  executor.close_input();
  BOOST_TEST(executor.wait() == 0);
  const std::string out = executor.out();
  BOOST_TEST(out.find("line 1, hookone, action 1: ") == 0u);
  BOOST_TEST(out.find("\nline 1, written, action 1: ") != std::string::npos);
  BOOST_TEST(out.find("\nline 1, written, action 2: ") != std::string::npos);
  BOOST_TEST(out.find("\nline 2, hooktwo, action 1: ") != std::string::npos);
  BOOST_TEST(out.find("\nline 1, hooktwo") == std::string::npos);
  BOOST_TEST(out.find("\nevents 2, not events 0, matched 2, actions 5 (dry run, none was run)\n") != std::string::npos);
  BOOST_TEST(receiver.requests().empty());
}

BOOST_FIXTURE_TEST_CASE(a_dry_run_with_another_transport_is_a_usage_error, Fixture) {
  transport = "nats";
  const auto finished = run(command({"--dry-run"}));
  BOOST_TEST(finished.status == 64);
  BOOST_TEST(finished.err.find("--dry-run without --retry is for transport = in_memory") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(input_waits_while_there_is_no_room, Fixture) {
  observers = webhook("/hook");
  executor_lines = "channel_capacity = 10\nmax_concurrency = 2\nmax_per_host = 2\n";
  receiver.answer("/hook", {{200, "", {}, 5ms}});
  Child executor = start();
  std::string all;
  for (int i = 1; i <= 3000; ++i) all += event(i);
  executor.write(all);
  executor.close_input();
  BOOST_TEST(executor.wait() == 0);
  BOOST_TEST(receiver.requests().size() == 3000u);
  BOOST_TEST(receiver.most_at_once() <= 2);
}

BOOST_FIXTURE_TEST_CASE(sigterm_stops_reading_and_finishes_what_was_begun, Fixture) {
  observers = webhook("/hook");
  receiver.answer("/hook", {{200, "", {}, 500ms}});
  Child executor = start();
  executor.write(event(1) + event(2));
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 2; }));
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);  // its input is still open
  BOOST_TEST(executor.out() == "events 2, not events 0, matched 2, actions ok 2, actions failed 0\n");
}

BOOST_FIXTURE_TEST_CASE(what_cannot_end_in_time_is_told_and_exit_1, Fixture) {
  observers = webhook("/hook");
  executor_lines = "shutdown_timeout = \"1s\"\n";
  receiver.answer("/hook", {{200, "", {}, 20s}});
  Child executor = start();
  executor.write(event(1));
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 1; }));
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait(10s) == 1);
  BOOST_TEST(executor.out() == "events 1, not events 0, matched 1, actions ok 0, actions failed 0, events not finished 1\n");
}

BOOST_FIXTURE_TEST_CASE(fraiseql_run_has_no_standard_input_and_says_so, Fixture) {
  auto words = command();
  words.erase(words.begin());
  words.insert(words.begin(), {FRAISEQL_COMMAND, "run"});
  const auto finished = run(words);
  BOOST_TEST(finished.status == 78);
  BOOST_TEST(finished.err.find("events come from standard input") != std::string::npos);
}
