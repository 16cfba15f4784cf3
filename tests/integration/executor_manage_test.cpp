// manage = false: executors make and change nothing in JetStream.
#define BOOST_TEST_MODULE executor_manage
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct Unmanaged : ExecutorFixture {
  std::string config_of(const std::string& subject) {
    rapidjson::Document answer;
    answer.Parse(api(subject).json.c_str());
    if (!answer.HasMember("config")) return "missing";
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    answer["config"].Accept(writer);
    return buffer.GetString();
  }

  /// All that executors need, as the server tells it.
  std::vector<std::string> everything() {
    std::vector<std::string> found;
    for (const std::string& name : {stream, stream + "_dlq", "KV_" + stream + "_progress", stream + "_advisories"})
      found.push_back(config_of("STREAM.INFO." + name));
    for (const std::string& name : {stream, stream + "_advisories"}) found.push_back(config_of("CONSUMER.INFO." + name + "." + consumer));
    return found;
  }

  void make_everything() {
    config.manage = true;
    Child operators = start();
    if (!eventually([&] {
          const auto found = everything();
          return std::find(found.begin(), found.end(), "missing") == found.end();
        }))
      throw std::runtime_error("nothing was made: " + operators.err());
    operators.signal(SIGTERM);
    operators.wait();
    config.manage = false;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_is_missing_is_not_made_but_said_and_waited_for, Unmanaged) {
  config.manage = false;
  config.observers = webhook("hook", receiver.url("/"));
  publish();
  const auto before = everything();
  start_healthd();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return said(executor, "consumer " + consumer + " does not exist, and manage = false forbids to create it"); }));
  BOOST_TEST(eventually([&] { return health_has("manage = false"); }));
  BOOST_TEST(everything() == before, boost::test_tools::per_element());
  BOOST_TEST(receiver.requests().empty());
  // Only the consumer is there: the rest is still missing, and nothing is taken.
  BOOST_REQUIRE(!api("CONSUMER.DURABLE.CREATE." + stream + "." + consumer,
                     R"({"stream_name":")" + stream + R"(","config":{"durable_name":")" + consumer +
                         R"(","deliver_policy":"all","ack_policy":"explicit","replay_policy":"instant","ack_wait":30000000000,"max_deliver":3,"max_ack_pending":-1,"filter_subject":")" +
                         prefix + R"(.>"}})")
                     .failed());
  BOOST_TEST(eventually([&] { return said(executor, stream + "_dlq does not exist, and manage = false forbids to create it"); }));
  BOOST_TEST(everything()[1] == "missing");
  BOOST_TEST(receiver.requests().empty());
  auto words = command();
  words.push_back("--check");
  const auto checked = run(words);
  BOOST_TEST(checked.status == 1);
  BOOST_TEST(checked.out.find(stream + "_dlq") != std::string::npos);
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(what_an_operator_has_made_is_used_as_it_is_and_stays_so, Unmanaged) {
  config.observers = webhook("hook", receiver.url("/"));
  make_everything();
  config.ack_wait_secs = 5;
  config.max_deliver = 7;
  config.max_dlq_size = "9";
  const auto before = everything();
  publish();
  start_healthd();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(receiver.requests().size() == 1u);
  BOOST_TEST(said(executor, "ack_wait is 30000000000, configured 5000000000"));
  BOOST_TEST(said(executor, "max_deliver is 3, configured 7"));
  BOOST_TEST(said(executor, "max_msgs is -1, configured 9"));
  BOOST_TEST(eventually([&] { return health_has("\"degraded\"") && health_has("drift"); }));
  BOOST_TEST(everything() == before, boost::test_tools::per_element());
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_consumer_that_is_deleted_is_not_made_anew, Unmanaged) {
  config.observers = webhook("hook", receiver.url("/"));
  make_everything();
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  delete_consumer();
  BOOST_TEST(eventually([&] { return said(executor, "manage = false forbids to create it"); }));
  BOOST_TEST(!consumer_exists());
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}
