#define BOOST_TEST_MODULE executor_actions
#include <boost/test/unit_test.hpp>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;
using How = Answer::How;

BOOST_FIXTURE_TEST_CASE(every_answer_of_a_webhook_has_its_meaning, ExecutorFixture) {
  struct Case {
    std::string name;
    std::vector<Answer> answers;
    std::size_t requests;  // that must come
    std::string letter;    // its HTTP status; "-" for none; "" for a letter without status
  };
  const std::vector<Case> cases = {
      {"Fine", {{200}}, 1, "-"},
      {"NoContent", {{204, ""}}, 1, "-"},
      {"Moved", {{302, "", {{"Location", receiver.url("/target")}}}}, 1, "302"},
      {"Timeout408", {{408}, {200}}, 2, "-"},
      {"Slow429", {{429, "", {{"Retry-After", "1"}}}, {200}}, 2, "-"},
      {"Broken500", {{500}, {503}, {200}}, 3, "-"},
      {"Broken502", {{502}}, 3, "502"},
      {"Gone410", {{410}}, 1, "410"},
      {"Missing404", {{404}}, 1, "404"},
      {"Reset", {{200, "", {}, 0ms, How::reset}, {200}}, 2, "-"},
      {"ResetInside", {{200, "", {}, 0ms, How::reset_inside}, {200}}, 2, "-"},
      {"Drip", {{200, "", {}, 0ms, How::drip}}, 3, ""},
      {"Endless", {{200, "", {}, 0ms, How::endless}}, 1, "-"},
  };
  for (const Case& one : cases) {
    receiver.answer("/" + one.name, one.answers);
    config.observers += webhook(one.name, receiver.url("/" + one.name), one.name, "timeout_secs = 1");
    publish({.entity = one.name});
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(cases.size()); }));
  const auto all = letters();
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      BOOST_TEST(receiver.requests("/" + one.name).size() == one.requests);
      std::string letter = "-";
      for (const auto& message : all)
        if (message.header("Fraiseql-Dlq-Observer") == one.name) letter = message.header("Fraiseql-Dlq-Http-Status");
      BOOST_TEST(letter == one.letter);
    }
  }
  BOOST_TEST(receiver.requests("/target").empty());
  BOOST_TEST(receiver.bytes_sent() < 32u << 20);  // what fits into the sockets' buffers, not a gigabyte
  const auto asked_to_wait = receiver.requests("/Slow429");
  BOOST_TEST((asked_to_wait.at(1).at - asked_to_wait.at(0).at >= 1s));
}

BOOST_FIXTURE_TEST_CASE(a_request_carries_the_payload_byte_for_byte_and_the_headers_of_the_event, ExecutorFixture) {
  config.observers = webhook("ship", receiver.url("/ship"), "Order",
                             "headers = { Authorization = \"Bearer x\", Content-Type = \"text/plain\" }");
  receiver.answer("/ship", {{500}, {200}});
  const std::string data = R"({"total":100.00,"big":9007199254740993,"text":"\u00fc \ud83d\ude00","huge":1e400})";
  const std::string id = publish({.entity_id = "7", .data = data});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  const auto requests = receiver.requests("/ship");
  BOOST_REQUIRE(requests.size() == 2u);
  const std::string subject = prefix + ".Order.INSERT";
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& request = requests[i];
    BOOST_TEST(request.method == "POST");
    BOOST_TEST(request.body == R"({"event":"INSERT","entity":"Order","subject":")" + subject +
                                   R"(","timestamp":"2024-01-15T10:30:00Z","data":)" + data + "}");
    BOOST_TEST(request.headers.at("content-type") == "application/json");
    BOOST_TEST(request.headers.at("webhook-id") == id);
    BOOST_TEST(!request.headers.at("webhook-timestamp").empty());
    BOOST_TEST(!request.headers.at("fraiseql-pk").empty());
    BOOST_TEST(request.headers.at("fraiseql-observer") == "ship");
    BOOST_TEST(request.headers.at("fraiseql-attempt") == std::to_string(i + 1));
    BOOST_TEST(request.headers.at("authorization") == "Bearer x");
  }
}

BOOST_FIXTURE_TEST_CASE(observers_match_by_entity_and_event_type_and_run_in_the_order_of_the_file, ExecutorFixture) {
  config.observers =
      webhook("b", receiver.url("/first")) + webhook("a", receiver.url("/second"), "Order") +
      webhook("other", receiver.url("/third"), "User") +
      "[[observers]]\nname = \"deletes\"\nentity = \"*\"\nevent_type = \"DELETE\"\n[[observers.actions]]\ntype = "
      "\"webhook\"\nurl = \"" +
      receiver.url("/deletes") + "\"\n" +
      "[[observers]]\nname = \"off\"\nenabled = false\nentity = \"*\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" +
      receiver.url("/off") + "\"\n" +
      "[[observers]]\nname = \"said\"\nentity = \"Order\"\n[[observers.actions]]\ntype = \"log\"\nlevel = \"warn\"\n";
  receiver.answer("/first", {{404}});  // a failing one does not hold the next
  const std::string id = publish({.operation = "UPDATE"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 2u);
  BOOST_TEST(requests[0].path == "/first");
  BOOST_TEST(requests[1].path == "/second");
  BOOST_TEST(eventually([&] { return executor.err().find("event_id=\"" + id + "\"") != std::string::npos; }));
}

BOOST_FIXTURE_TEST_CASE(loopback_is_refused_in_every_spelling_unless_allowed, ExecutorFixture) {
  config.allow_networks = "[]";
  const std::string port = std::to_string(receiver.port());
  const std::vector<std::string> hosts = {"127.0.0.1",  "localhost",       "2130706433",    "0x7f000001",
                                          "0177.0.0.1", "127.1",           "0.0.0.0",       "[::ffff:127.0.0.1]",
                                          "[::1]",      "[::ffff:7f00:1]", "user@127.0.0.1"};
  int number = 0;
  for (const auto& host : hosts) {
    const std::string entity = "E" + std::to_string(number++);
    config.observers += webhook(host, "http://" + host + ":" + port + "/", entity);
    publish({.entity = entity});
  }
  config.observers += webhook("metadata", "http://169.254.169.254/latest", "Metadata");
  publish({.entity = "Metadata"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(hosts.size() + 1); }));
  BOOST_TEST(receiver.requests().empty());
  const auto all = letters();
  BOOST_TEST(all.size() == hosts.size() + 1);
  for (const auto& letter : all) {
    BOOST_TEST_CONTEXT(letter.header("Fraiseql-Dlq-Observer")) {
      BOOST_TEST(letter.header("Fraiseql-Dlq-Error").find("allow_networks = [\"") != std::string_view::npos);
      BOOST_TEST(letter.header("Fraiseql-Dlq-Attempts") == "1");
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_proxy_in_the_environment_is_not_used, ExecutorFixture) {
  config.observers = webhook("direct", receiver.url("/direct"));
  publish();
  Child::Options options;
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    options.environment[name] = "http://127.0.0.1:1";
  Child executor(command(), options);
  BOOST_TEST(eventually([&] { return receiver.requests("/direct").size() == 1; }));
}

BOOST_FIXTURE_TEST_CASE(plain_http_behind_https_fails_and_is_never_downgraded, ExecutorFixture) {
  config.observers = webhook("tls", "https://127.0.0.1:" + std::to_string(receiver.port()) + "/");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(receiver.requests().empty());
  BOOST_REQUIRE(letters().size() == 1u);
  BOOST_TEST(letters()[0].header("Fraiseql-Dlq-Attempts") == "1");
}

BOOST_FIXTURE_TEST_CASE(a_hanging_host_takes_no_more_than_its_share_and_the_others_go_on, ExecutorFixture) {
  WebhookReceiver hanging;
  hanging.answer("/", {{200, "", {}, 20s}});
  config.max_per_host = 2;
  config.max_concurrency = 4;
  config.observers = webhook("hangs", hanging.url("/"), "Slow") + webhook("works", receiver.url("/works"), "Quick");
  for (int i = 0; i < 30; ++i) publish({.entity = "Slow"});
  for (int i = 0; i < 30; ++i) publish({.entity = "Quick"});
  Child executor = start();
  BOOST_TEST(eventually([&] { return receiver.requests("/works").size() == 30; }, 10s));
  BOOST_TEST(hanging.most_at_once() == 2);
  executor.kill();
}

BOOST_FIXTURE_TEST_CASE(a_host_that_does_not_answer_is_left_alone_for_a_while, ExecutorFixture) {
  receiver.answer("/", {{200, "", {}, 0ms, How::reset}});
  config.max_concurrency = config.max_per_host = 1;
  config.observers = webhook("dead", receiver.url("/"), "*", "", "max_attempts = 1");
  for (int i = 0; i < 20; ++i) publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(20); }));
  BOOST_TEST(receiver.requests().size() == 5u);
  BOOST_TEST(letters().size() == 20u);
  BOOST_TEST(letters().back().header("Fraiseql-Dlq-Error").find("circuit open") != std::string_view::npos);
}
