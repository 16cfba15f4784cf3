#define BOOST_TEST_MODULE dlq
#include <rapidjson/document.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "common/nats/scan.hpp"
#include "common/nats/server_time.hpp"
#include "tests/support/programs.hpp"
#include "tests/support/executor_fixture.hpp"
#include "tests/support/usage.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct Dlq : ExecutorFixture {
  /// The dead letter stream as executors make it, and `fraiseql dlq ...` with their configuration.
  void make_letters_stream() {
    const auto made = api("STREAM.CREATE." + stream + "_dlq",
                          R"({"name":")" + stream + R"(_dlq","subjects":[")" + dlq_prefix +
                              R"(.>"],"retention":"limits","storage":"file","discard":"new","max_age":0,"max_msgs":-1,"duplicate_window":86400000000000})");
    BOOST_REQUIRE(!made.failed());
  }
  struct Facts {
    std::string reason = "action_failed", observer = "ship", entity = "Order", error = "HTTP 500", payload = "{\"n\":1}";
  };
  void letter(const Facts& facts) {
    Headers headers{{"Fraiseql-Dlq-Reason", facts.reason},
                    {"Fraiseql-Dlq-Attempts", "3"},
                    {"Fraiseql-Dlq-Error", facts.error},
                    {"Fraiseql-Dlq-Failed-At", "2024-01-15T10:30:00.000001Z"},
                    {"Fraiseql-Dlq-Stream-Seq", "7"},
                    {"Fraiseql-Event-Id", unique("event-")}};
    if (!facts.observer.empty()) headers.insert(headers.end(), {{"Fraiseql-Dlq-Observer", facts.observer}, {"Fraiseql-Dlq-Action", "2"}});
    publish_raw(dlq_prefix + "." + facts.entity + ".INSERT", headers, facts.payload);
  }
  Finished dlq(std::vector<std::string> words) {
    std::vector<std::string> all = command();
    all[0] = FRAISEQL_COMMAND;
    all.insert(all.begin() + 1, "dlq");
    all.insert(all.end(), words.begin(), words.end());
    return run(std::move(all), {}, 60s);
  }
  /// Numbers of the letters that `list` shows.
  std::vector<std::uint64_t> listed(std::vector<std::string> filter) {
    filter.insert(filter.begin(), "list");
    filter.insert(filter.end(), {"--format", "json"});
    const auto finished = dlq(filter);
    BOOST_TEST(finished.status == 0, finished.err);
    rapidjson::Document document;
    document.Parse(finished.out.c_str());
    BOOST_REQUIRE(!document.HasParseError());
    std::vector<std::uint64_t> numbers;
    for (const auto& one : document["letters"].GetArray()) numbers.push_back(one["number"].GetUint64());
    return numbers;
  }
};

using Numbers = std::vector<std::uint64_t>;
using Commands = std::vector<std::vector<std::string>>;

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_letter_of_an_executor_is_listed_and_shown_whole, Dlq) {
  receiver.answer("/", {{422, "no such order"}});
  config.observers = webhook("ship", receiver.url("/"));
  const std::string id = publish({.entity = "Order", .operation = "UPDATE", .entity_id = "7", .data = "{\"total\":100.00,\"big\":9007199254740993}"});
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return settled(1); }));
  }
  const auto text = dlq({"list"});
  BOOST_TEST(text.status == 0);
  for (const char* part : {"NUMBER", "action_failed", "Order", "ship/1", "HTTP 422: no such order", id.c_str()})
    BOOST_TEST(text.out.find(part) != std::string::npos, part << " in " << text.out);

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
  BOOST_TEST(one["stream_seq"].GetUint64() == 1u);

  const auto shown = dlq({"show", "1"});
  BOOST_TEST(shown.status == 0);
  BOOST_TEST(shown.out.find("\"big\": 9007199254740993") != std::string::npos, shown.out);
  BOOST_TEST(shown.out.find("Fraiseql-Entity-Id: 7") != std::string::npos);
  const auto machine = dlq({"show", "1", "--format", "json"});
  BOOST_TEST(machine.out.find("\"payload\":" + receiver.requests().at(0).body) != std::string::npos, machine.out);
  rapidjson::Document whole;
  BOOST_TEST(!whole.Parse(machine.out.c_str()).HasParseError());
}

BOOST_FIXTURE_TEST_CASE(a_letter_that_is_not_there_is_an_exit_code_of_one, Dlq) {
  make_letters_stream();
  const auto shown = dlq({"show", "5"});
  BOOST_TEST(shown.status == 1);
  BOOST_TEST(shown.err.find("there is no letter 5") != std::string::npos);
  BOOST_TEST(dlq({"remove", "5"}).status == 1);
  BOOST_TEST(dlq({"retry", "5"}).status == 1);
}

BOOST_FIXTURE_TEST_CASE(an_empty_queue_and_a_missing_one_are_no_mistakes, Dlq) {
  for (const char* there : {"there is no dead letter queue yet", "the dead letter queue is empty"}) {
    BOOST_TEST(dlq({"list"}).out.find(there) != std::string::npos);
    for (const std::vector<std::string>& words :
         Commands{{"list"}, {"stats"}, {"list", "--format", "json"}, {"stats", "--format", "json"}, {"retry-all"}, {"remove", "--all"}})
      BOOST_TEST(dlq(words).status == 0, words.front());
    BOOST_TEST(listed({}) == Numbers{}, boost::test_tools::per_element());
    if (std::string(there).find("yet") != std::string::npos) make_letters_stream();
  }
}

BOOST_FIXTURE_TEST_CASE(every_filter_lets_through_what_it_says, Dlq) {
  make_letters_stream();
  letter({.observer = "ship", .entity = "Order"});
  letter({.observer = "nats-mirror", .entity = "Order"});
  letter({.reason = "undecodable", .observer = "", .entity = "User"});
  letter({.reason = "max_deliveries", .observer = "", .entity = "My%20Thing"});
  letter({.reason = "unpublishable", .observer = "", .entity = "Order"});
  std::this_thread::sleep_for(5ms);
  const std::string now = nats::rfc3339(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  letter({.observer = "ship", .entity = "User"});
  const std::pair<std::vector<std::string>, Numbers> cases[] = {
      {{}, {1, 2, 3, 4, 5, 6}},
      {{"--observer", "ship"}, {1, 6}},
      {{"--observer", "nats-mirror"}, {2}},
      {{"--observer", "other"}, {}},
      {{"--entity", "Order"}, {1, 2, 5}},
      {{"--entity", "My Thing"}, {4}},
      {{"--entity", "Ord"}, {}},
      {{"--reason", "undecodable"}, {3}},
      {{"--reason", "unpublishable"}, {5}},
      {{"--after", "4"}, {5, 6}},
      {{"--after", "6"}, {}},
      {{"--after", now}, {6}},
      {{"--after", "2020-01-01T00:00:00+02:00"}, {1, 2, 3, 4, 5, 6}},
      {{"--limit", "2"}, {1, 2}},
      {{"--observer", "ship", "--entity", "User", "--reason", "action_failed", "--after", "2", "--limit", "1"}, {6}},
  };
  for (const auto& [filter, expected] : cases) {
    const auto found = listed(filter);
    BOOST_TEST(found == expected, boost::test_tools::per_element());
  }
  BOOST_TEST(number("STREAM.INFO." + stream + "_dlq", {"state", "consumer_count"}) == 0u);  // nothing stays behind
}

BOOST_FIXTURE_TEST_CASE(remove_takes_away_what_is_named_and_nothing_else, Dlq) {
  make_letters_stream();
  for (int i = 0; i < 4; ++i) letter({});
  letter({.reason = "undecodable", .observer = ""});
  letter({.reason = "undecodable", .observer = ""});
  BOOST_TEST(dlq({"remove"}).status == EX_USAGE);
  BOOST_TEST(dlq({"remove", "--reason", "undecodable"}).status == EX_USAGE);
  BOOST_TEST(dlq({"remove", "1", "--all"}).status == EX_USAGE);
  BOOST_TEST(listed({}).size() == 6u);
  const auto two = dlq({"remove", "2", "3", "--format", "json"});
  BOOST_TEST(two.status == 0);
  BOOST_TEST(two.out == "{\"removed\":2,\"missing\":[]}\n");
  BOOST_TEST(listed({}) == (Numbers{1, 4, 5, 6}), boost::test_tools::per_element());
  const auto gone = dlq({"remove", "2", "4"});
  BOOST_TEST(gone.status == 1);
  BOOST_TEST(gone.err.find("there is no letter 2") != std::string::npos);
  BOOST_TEST(gone.out == "1 removed\n");
  BOOST_TEST(dlq({"remove", "--all", "--reason", "undecodable"}).out == "2 removed\n");
  BOOST_TEST(listed({}) == (Numbers{1}), boost::test_tools::per_element());
  BOOST_TEST(dlq({"remove", "--all"}).out == "1 removed\n");
  BOOST_TEST(messages(stream + "_dlq") == 0u);
}

BOOST_FIXTURE_TEST_CASE(stats_count_what_is_there, Dlq) {
  config.max_dlq_size = "50";
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return consumer_exists() && !api("STREAM.INFO." + stream + "_advisories").failed(); }));
  }
  letter({});
  letter({.observer = "mail", .entity = "User"});
  letter({.reason = "undecodable", .observer = "", .entity = "User"});
  rapidjson::Document stats;
  stats.Parse(dlq({"stats", "--format", "json"}).out.c_str());
  BOOST_REQUIRE(!stats.HasParseError());
  BOOST_TEST(stats["letters"].GetUint64() == 3u);
  BOOST_TEST(stats["cap"].GetUint64() == 50u);
  BOOST_TEST(stats["oldest"]["number"].GetUint64() == 1u);
  BOOST_TEST(stats["newest"]["number"].GetUint64() == 3u);
  BOOST_TEST(stats["by_reason"]["action_failed"].GetUint64() == 2u);
  BOOST_TEST(stats["by_observer"]["mail"].GetUint64() == 1u);
  BOOST_TEST(stats["by_observer"].MemberCount() == 2u);
  BOOST_TEST(stats["by_entity"]["User"].GetUint64() == 2u);
  const auto text = dlq({"stats"}).out;
  BOOST_TEST(text.find("3 letters in stream " + stream + "_dlq, at most 50") == 0u, text);
}

BOOST_FIXTURE_TEST_CASE(what_an_event_holds_cannot_speak_to_the_terminal_or_break_the_json, Dlq) {
  make_letters_stream();
  letter({.observer = "ship", .error = "\x1b[31mred\x07 \xff and more", .payload = "\x1b]0;owned\x07 text"});
  letter({.payload = "\xff\xfe"});
  letter({.payload = "{\"a\":1}x"});
  letter({.payload = ""});
  for (const std::vector<std::string>& words : Commands{{"list"}, {"show", "1"}, {"show", "2"}}) {
    const auto text = dlq(words);
    BOOST_TEST(text.status == 0);
    BOOST_TEST(text.out.find('\x1b') == std::string::npos);
    BOOST_TEST(text.out.find('\xff') == std::string::npos);
  }
  const auto has = [&](const char* letter_number, const std::string& member, const std::string& value) {
    rapidjson::Document whole;
    whole.Parse<rapidjson::kParseValidateEncodingFlag>(dlq({"show", letter_number, "--format", "json"}).out.c_str());
    return !whole.HasParseError() && whole.HasMember(member.c_str()) && whole[member.c_str()].GetString() == value;
  };
  BOOST_TEST(has("1", "payload_text", "\x1b]0;owned\x07 text"));
  BOOST_TEST(has("2", "payload_base64", "//4="));
  BOOST_TEST(has("3", "payload_text", "{\"a\":1}x"));
  BOOST_TEST(has("4", "payload_text", ""));
  BOOST_TEST(listed({}).size() == 4u);
}

BOOST_FIXTURE_TEST_CASE(each_kind_of_failure_has_its_exit_code, Dlq) {
  for (const std::vector<std::string>& words :
       Commands{{}, {"list", "--after", "yesterday"}, {"list", "--after", "2024-02-30T00:00:00Z"}, {"list", "--limit", "0"},
        {"list", "--reason", "bad_luck"}, {"show"}, {"show", "x"}, {"show", "0"}, {"retry"}, {"retry", "-1"}, {"retry-all", "--rate", "0"}, {"empty"}})
    BOOST_TEST(dlq(words).status == EX_USAGE, (words.empty() ? "" : words.front()));
  for (const char* sub : {"list", "show", "retry", "retry-all", "remove", "stats"}) {
    const auto help = dlq({sub, "--help"});
    BOOST_TEST(help.status == 0);
    BOOST_TEST(help.out.find(std::string("Examples:\n  fraiseql dlq ") + sub) != std::string::npos, sub);
  }
  TempDir directory;
  const std::string away =
      directory.file("away.toml", "[transport]\ntransport = \"nats\"\n[transport.nats]\nurl = \"nats://127.0.0.1:" + std::to_string(free_port()) + "\"\n");
  BOOST_TEST(run({FRAISEQL_COMMAND, "dlq", "list", "--config", away}).status == EX_UNAVAILABLE);
  const std::string wrong = directory.file("wrong.toml", "[transport.nats]\nurl = 1\n");
  BOOST_TEST(run({FRAISEQL_COMMAND, "dlq", "stats", "--config", wrong}).status == EX_CONFIG);
}

BOOST_FIXTURE_TEST_CASE(ten_thousand_letters_are_listed_in_order_in_bounded_time_and_memory, Dlq) {
  make_letters_stream();
  const std::string long_error(900, 'e');
  for (int i = 0; i < 10'000; ++i) letter({.error = long_error});
  const auto began = std::chrono::steady_clock::now();
  const auto numbers = listed({});
  const auto took = std::chrono::steady_clock::now() - began;
  BOOST_REQUIRE(numbers.size() == 10'000u);
  for (std::uint64_t i = 0; i < numbers.size(); ++i) BOOST_REQUIRE(numbers[i] == i + 1);
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  BOOST_TEST_MESSAGE("10,000 letters in " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms, at most "
                                          << usage.ru_maxrss << " kB");
  BOOST_TEST(std::chrono::duration<double>(took).count() < 10);
  BOOST_TEST((sanitized || usage.ru_maxrss < 60'000));
}
