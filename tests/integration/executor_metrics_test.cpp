// What /metrics says of executors, against what really happened.
#define BOOST_TEST_MODULE executor_metrics
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;
using How = Answer::How;

namespace {

using Series = std::map<std::string, double>;
const std::string ours = "fraiseql_observer_";

/// All series of one name, by their labels.
Series named(const Series& all, const std::string& name) {
  Series found;
  for (const auto& [series, value] : all)
    if (series.starts_with(ours + name + "{")) found[series.substr(ours.size() + name.size())] = value;
  return found;
}

double one(const Series& all, const std::string& name) {
  const auto found = all.find(ours + name);
  return found == all.end() ? -1 : found->second;
}

std::string text(const Series& series) {
  std::string words;
  for (const auto& [labels, value] : series) words += labels + " " + std::to_string(value) + "\n";
  return words;
}

std::string error(const std::string& type) { return "{action_type=\"webhook\",error_type=\"" + type + "\"}"; }
std::string failed(const std::string& type) { return "{error_type=\"" + type + "\"}"; }

struct MetricsFixture : ExecutorFixture {
  WebhookReceiver dripping;

  MetricsFixture() {
    config.max_dlq_size = "3";
    const auto hook = [&](const std::string& entity, std::vector<Answer> answers) {
      receiver.answer("/" + entity, std::move(answers));
      config.observers += webhook(entity, receiver.url("/" + entity), entity);
    };
    hook("Fine", {{200, "", {}, 60ms}});
    hook("Late", {{500}, {200}});
    hook("Gone", {{410}});
    hook("Missing", {{404}});
    hook("Moved", {{302, "", {{"Location", "/"}}}});
    hook("Busy", {{429}});
    hook("Reset", {{200, "", {}, 0ms, How::reset}, {200}});
    dripping.answer("/Drip", {{200, "", {}, 0ms, How::drip}});
    config.observers += webhook("Drip", dripping.url("/Drip"), "Drip", "timeout_secs = 1");
    config.observers += webhook("Inside", "http://169.254.169.254/", "Inside");
    config.observers += webhook("Tls", "https://127.0.0.1:" + std::to_string(dripping.port()) + "/", "Tls");
    config.observers += "[[observers]]\nname = \"said\"\nentity = \"Said\"\n[[observers.actions]]\ntype = \"log\"\n";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(every_metric_of_executors_tells_what_the_receiver_and_the_streams_have_seen, MetricsFixture) {
  start_healthd();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return consumer_exists(); }));
  for (int i = 0; i < 5; ++i) publish({.entity = "Fine"});
  for (const char* entity : {"Late", "Gone", "Missing", "Moved", "Busy", "Reset", "Drip", "Inside", "Tls", "Said", "Nobody"})
    publish({.entity = entity});
  publish_raw(prefix + ".Order.INSERT", {}, "{");
  constexpr double events = 17;
  BOOST_REQUIRE(eventually([&] { return settled(17); }));
  BOOST_REQUIRE(eventually([&] {
    const auto all = metrics();
    return one(all, "events_processed_total") >= events && one(all, "backlog_size") == 0 && one(all, "dlq_items") == 3;
  }));
  const auto all = metrics();

  // The receiver's log.
  const auto requests = receiver.requests(), dripped = dripping.requests();
  std::map<int, double> answers;
  for (const auto& request : requests) ++answers[request.answered];
  BOOST_TEST(answers[0] == 1);  // the reset
  BOOST_TEST(dripped.size() == 3u);
  const double webhooks = static_cast<double>(requests.size() + dripped.size()) + 2;  // two that nobody got: Inside and Tls

  const Series executed = {{"{action_type=\"log\"}", 1}, {"{action_type=\"webhook\"}", webhooks}};
  BOOST_TEST((named(all, "action_executed_total") == executed), text(named(all, "action_executed_total")));
  const Series errors = {{error("http_5xx"), answers[500]},
                         {error("http_410"), answers[410]},
                         {error("http_4xx"), answers[404]},
                         {error("http_3xx"), answers[302]},
                         {error("http_429"), answers[429]},
                         {error("network"), answers[0]},
                         {error("timeout"), static_cast<double>(dripped.size())},
                         {error("refused_address"), 1},
                         {error("tls"), 1}};
  BOOST_TEST((named(all, "action_errors_total") == errors), text(named(all, "action_errors_total")));
  const Series failures = {{failed("http_410"), 1},  {failed("http_4xx"), 1}, {failed("http_3xx"), 1},
                           {failed("http_429"), 1},  {failed("timeout"), 1},  {failed("refused_address"), 1},
                           {failed("tls"), 1},       {failed("undecodable"), 1}};
  BOOST_TEST((named(all, "events_failed_total") == failures), text(named(all, "events_failed_total")));
  BOOST_TEST(one(all, "events_processed_total") == events);
  BOOST_TEST(one(all, "events_retried_total") == 1 + 1 + 2 + 2);  // Late, Reset, Busy, Drip

  // Eight letters for three places.
  BOOST_TEST(letters().size() == 3u);
  BOOST_TEST(one(all, "dlq_items") == 3);
  BOOST_TEST(one(all, "dlq_overflow_total") == 5);

  // Histograms: as many as happened, and as long as it took.
  const std::string hooks = "{action_type=\"webhook\"}";
  BOOST_TEST(named(all, "action_duration_seconds_count")[hooks] == webhooks);
  BOOST_TEST(named(all, "action_duration_seconds_sum")[hooks] >= 5 * 0.06 + 3 * 1.0);
  BOOST_TEST(named(all, "action_duration_seconds_bucket")["{action_type=\"webhook\",le=\"0.05\"}"] <= webhooks - 5 - 3);
  BOOST_TEST(one(all, "processing_duration_seconds_count") == events);
  BOOST_TEST(one(all, "processing_duration_seconds_sum") >= 5 * 0.06 + 3 * 1.0);
  const double came_through = 5 + 3;  // Fine, Late, Reset, Said
  BOOST_TEST(one(all, "end_to_end_seconds_count") == came_through);
  const double year = 365.0 * 86400;  // the events' timestamp is of January 2024
  BOOST_TEST(one(all, "end_to_end_seconds_sum") >= came_through * year);
  BOOST_TEST(named(all, "end_to_end_seconds_bucket")["{le=\"60\"}"] == 0);

  // A clean leave takes nothing back, and a second one adds.
  executor.signal(SIGTERM);
  BOOST_REQUIRE(executor.wait() == 0);
  Child another = start();
  publish({.entity = "Fine"});
  BOOST_REQUIRE(eventually([&] { return one(metrics(), "events_processed_total") == events + 1; }));
  BOOST_TEST(named(metrics(), "action_executed_total")[hooks] == webhooks + 1);
  BOOST_TEST(one(metrics(), "dlq_overflow_total") == 5);
}

BOOST_FIXTURE_TEST_CASE(the_backlog_is_what_waits_and_what_is_in_work, ExecutorFixture) {
  receiver.answer("/", {{200, "", {}, 4s}});
  config.max_concurrency = config.max_per_host = 2;
  config.channel_capacity = 2;
  config.observers = webhook("hook", receiver.url("/"));
  start_healthd();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return consumer_exists(); }));
  for (int i = 0; i < 7; ++i) publish();
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 2; }));
  BOOST_TEST(eventually([&] { return one(metrics(), "backlog_size") == 7; }));
  receiver.answer("/", {{200}});
  BOOST_REQUIRE(eventually([&] { return settled(7); }));
  BOOST_TEST(eventually([&] { return one(metrics(), "backlog_size") == 0; }));
}
