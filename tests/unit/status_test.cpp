#include "common/status.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>

#include "common/status_names.hpp"

using namespace fraiseql;
namespace data = boost::unit_test::data;

namespace {

StatusReport sample() {
  StatusReport report;
  report.component = "executor";
  report.instance = "a-1";
  report.pid = 7;
  report.host = "a";
  report.started_at_ms = 1700000000000;
  report.sequence = 3;
  report.state = "running";
  report.jetstream = Reach::ok;
  report.transport = "nats";
  report.stream = "fraiseql_events";
  report.problems["drift"] = "say \"x\"\nand y";
  report.details["backlog"] = "4";
  report.metrics.count(metric::events_processed, {}, 5);
  report.metrics.count(metric::events_failed, {{"error_type", "network"}});
  report.metrics.set(metric::backlog_size, 2.5);
  report.metrics.observe(metric::end_to_end, metric::duration_bounds(), 0.005);
  report.metrics.observe(metric::end_to_end, metric::duration_bounds(), 1000);
  return report;
}

/// The sample's frame with the first `from` replaced.
std::string changed(const std::string& from, const std::string& to) {
  std::string frame = encode(sample());
  const auto at = frame.find(from);
  BOOST_REQUIRE(at != std::string::npos);
  return frame.replace(at, from.size(), to);
}

std::string refusal(const std::string& frame) {
  const auto report = decode_status(frame);
  return report ? "" : report.error().what;
}

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(status)

BOOST_AUTO_TEST_CASE(a_report_comes_back_from_its_frame_as_it_was) {
  const auto back = decode_status(encode(sample()));
  BOOST_REQUIRE(back);
  const StatusReport& report = back.value();
  BOOST_TEST(report.component == "executor");
  BOOST_TEST(report.instance == "a-1");
  BOOST_TEST(report.pid == 7);
  BOOST_TEST(report.host == "a");
  BOOST_TEST(report.started_at_ms == 1700000000000);
  BOOST_TEST(report.sequence == 3u);
  BOOST_TEST(report.state == "running");
  BOOST_TEST((report.postgres == Reach::not_used));
  BOOST_TEST((report.jetstream == Reach::ok));
  BOOST_TEST(report.transport == "nats");
  BOOST_TEST(report.stream == "fraiseql_events");
  BOOST_TEST((report.problems == sample().problems));
  BOOST_TEST((report.details == sample().details));
  BOOST_TEST((report.metrics.counters == sample().metrics.counters));
  BOOST_TEST((report.metrics.gauges == sample().metrics.gauges));
  const Histogram& histogram = report.metrics.histograms.at({std::string(metric::end_to_end), {}});
  BOOST_TEST(histogram.bounds == metric::duration_bounds());
  BOOST_TEST(histogram.counts[2] == 1u);  // a bound belongs to its bucket
  BOOST_TEST(histogram.counts.back() == 1u);
  BOOST_TEST(histogram.sum == 1000.005);
}

BOOST_AUTO_TEST_CASE(any_bytes_in_a_text_make_a_frame_that_can_be_read) {
  StatusReport report = sample();
  report.problems["drift"] = std::string("\xff\xfe bad \0 nul", 12);
  report.details["long"] = repeat("\xe2\x82\xac", 1000);
  report.metrics.set(metric::lag_seconds, std::numeric_limits<double>::quiet_NaN());
  report.metrics.count(metric::duplicates, {}, std::numeric_limits<std::uint64_t>::max());
  const auto back = decode_status(encode(report));
  BOOST_REQUIRE(back);
  BOOST_TEST(back.value().problems.at("drift").starts_with("\xef\xbf\xbd\xef\xbf\xbd bad "));
  BOOST_TEST(back.value().details.at("long").size() == 1023u);  // cut between two characters
  BOOST_TEST(back.value().metrics.gauges.at({std::string(metric::lag_seconds), {}}) == 0.0);
}

BOOST_AUTO_TEST_CASE(a_report_too_large_for_a_frame_leaves_out_what_the_verdict_does_not_need) {
  StatusReport report = sample();
  for (int i = 0; i < 100; ++i) report.details["fact" + std::to_string(i)] = std::string(1000, 'x');
  const std::string frame = encode(report);
  BOOST_TEST(frame.size() <= 65536u);
  const auto back = decode_status(frame);
  BOOST_REQUIRE(back);
  BOOST_TEST(back.value().details.empty());
  BOOST_TEST((back.value().problems == report.problems));
  BOOST_TEST((back.value().metrics.counters == report.metrics.counters));
}

BOOST_DATA_TEST_CASE(what_is_not_a_report_is_refused,
                     data::make({std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("\0\0\0", 3),
                                 std::string("{}"), std::string("\xff\xff"), std::string("{\"version\":1}"), repeat("[", 60000),
                                 repeat("{\"a\":", 10000), repeat("[", 30000) + repeat("]", 30000), std::string("1e400")}),
                     frame) {
  BOOST_TEST(!refusal(frame).empty());
}

BOOST_DATA_TEST_CASE(a_wrong_member_is_refused,
                     (data::make({R"("version":1)", R"("component":"executor")", R"("instance":"a-1")", R"("instance":"a-1")", R"("pid":7)",
                                  R"("started_at":1700000000000)", R"("sequence":3)", R"("postgres":"not_used")", R"("state":"running")",
                                  R"(_total",{},5])", R"(_total",{},5])", R"(_total",{},5])", R"(_total",{},5])", R"({"error_type":"network"})",
                                  R"("sum":1000.005)", R"("bounds":[0.001,)", R"("bounds":[0.001,)", R"("counters":)", R"("drift":)"}) ^
                      data::make({R"("version":2)", R"("component":5)", R"("instance":"a\n1")", R"("instance":"")", R"("pid":-7)",
                                  R"("started_at":1e400)", R"("sequence":-3)", R"("postgres":"fine")", R"("state":["running"])",
                                  R"(_total",{},-5])", R"(_total",{},1e30])", R"(_total",{},"5"])", R"(_total",5])", R"({"error\ntype":"network"})",
                                  R"("sum":null)", R"("bounds":[0.0,0.001,)", R"("bounds":[7,)", R"("counter":)", R"("drift":1,"x":)"})),
                     from, to) {
  BOOST_TEST(refusal(encode(sample())) == "");
  BOOST_TEST(!refusal(changed(from, to)).empty());
}

BOOST_AUTO_TEST_CASE(the_limits_of_size_depth_and_series_hold_exactly) {
  const std::string frame = encode(sample());
  BOOST_TEST(refusal(frame + std::string(65536 - frame.size(), ' ')) == "");
  BOOST_TEST(refusal(frame + std::string(65537 - frame.size(), ' ')) == "larger than 64 KiB");
  BOOST_TEST(refusal(changed(R"("pid")", R"("deep":[[[[[[[]]]]]]],"pid")")) == "");
  BOOST_TEST(refusal(changed(R"("pid")", R"("deep":[[[[[[[[]]]]]]]],"pid")")) == "nested deeper than 8 levels");
  BOOST_TEST(refusal(changed(R"("pid")", R"("text":"[[[[[[[[[[\"[[[","pid")")) == "");  // brackets in a text nest nothing
  std::string series;
  for (int i = 0; i < 996; ++i) series += "[\"a\",{\"b\":\"" + std::to_string(i) + "\"},1],";
  BOOST_TEST(refusal(changed(R"("counters":[)", R"("counters":[)" + series)) == "");
  BOOST_TEST(refusal(changed(R"("counters":[)", R"("counters":[["a",{},1],)" + series)) == "more than 1000 series");
}

BOOST_AUTO_TEST_SUITE_END()
