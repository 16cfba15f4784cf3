#include "healthd/http_head.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace fraiseql;
namespace data = boost::unit_test::data;

namespace {

int refusal(const std::string& bytes) {
  const Head head = read_head(bytes);
  return head.state == Head::State::refused ? head.refusal : 0;
}

std::string headers(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "a: b\r\n";
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_head)

BOOST_AUTO_TEST_CASE(a_request_is_complete_with_its_empty_line) {
  const std::string bytes = "GET /health?verbose HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  const auto end = bytes.find("hello");
  for (std::size_t n = 0; n < end; ++n) BOOST_TEST((read_head(bytes.substr(0, n)).state == Head::State::incomplete), "after " << n);
  const Head head = read_head(bytes);
  BOOST_REQUIRE((head.state == Head::State::complete));
  BOOST_TEST(head.request.method == "GET");
  BOOST_TEST(head.request.path == "/health");
  BOOST_TEST(head.request.query == "verbose");
}

BOOST_AUTO_TEST_CASE(bare_line_feeds_and_full_addresses_are_understood) {
  const Head head = read_head("GET http://a:1/readyz HTTP/1.0\n\n");
  BOOST_REQUIRE((head.state == Head::State::complete));
  BOOST_TEST(head.request.path == "/readyz");
}

BOOST_DATA_TEST_CASE(a_request_that_makes_no_sense_is_refused,
                     data::make({"GET /health\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "\x16\x03\x01 / HTTP/1.1\r\n\r\n", "GET / HTTP/2\r\n\r\n",
                                 "GET / FTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\na : b\r\n\r\n",
                                 "GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
                                 "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                 "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n"}) ^
                         data::make({400, 400, 400, 505, 400, 400, 400, 400, 400, 400, 400, 400, 400}),
                     bytes, status) {
  BOOST_TEST(refusal(bytes) == status);
}

BOOST_AUTO_TEST_CASE(a_request_above_the_limits_is_refused_before_it_is_complete) {
  BOOST_TEST(refusal("GET /" + std::string(64 * 1024, 'a')) == 414);
  BOOST_TEST(refusal("GET /" + std::string(64 * 1024, 'a') + " HTTP/1.1\r\n\r\n") == 414);
  BOOST_TEST(refusal("GET /" + std::string(8000, 'a') + " HTTP/1.1\r\n\r\n") == 0);
  BOOST_TEST(refusal("GET / HTTP/1.1\r\n" + headers(100) + "\r\n") == 0);
  BOOST_TEST(refusal("GET / HTTP/1.1\r\n" + headers(101)) == 431);
  BOOST_TEST(refusal("GET / HTTP/1.1\r\na: " + std::string(20000, 'b')) == 431);
}

BOOST_AUTO_TEST_CASE(a_parameter_is_found_by_its_whole_name) {
  BOOST_TEST(has_parameter("verbose", "verbose"));
  BOOST_TEST(has_parameter("a=b&verbose=1", "verbose"));
  BOOST_TEST(!has_parameter("verbosely&a=verbose", "verbose"));
  BOOST_TEST(!has_parameter("", "verbose"));
  BOOST_TEST(*number_parameter("a=1&since=1700000000000", "since") == 1700000000000);
  BOOST_TEST(*number_parameter("since=-1", "since") == -1);
  for (const char* none : {"", "since", "since=", "since=x", "since=1x", "since= 1", "since=99999999999999999999", "sincere=1"})
    BOOST_TEST(!number_parameter(none, "since"), none);
}

BOOST_AUTO_TEST_SUITE_END()
