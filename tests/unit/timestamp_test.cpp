#include "common/timestamp.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <string>

using namespace fraiseql;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(timestamp)

BOOST_DATA_TEST_CASE(a_moment_is_written_as_the_event_wants_it,
                     data::make({"2024-01-15 10:30:00+00", "2024-01-15 10:30:00.1+00", "2024-01-15 10:30:00.000001+00",
                                 "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"}) ^
                         data::make({"2024-01-15T10:30:00Z", "2024-01-15T10:30:00.100000Z", "2024-01-15T10:30:00.000001Z",
                                     "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"}),
                     text, expected) {
  const auto parsed = parse_timestamp(text);
  BOOST_REQUIRE(parsed.has_value());
  BOOST_TEST(parsed->text() == expected);
}

BOOST_DATA_TEST_CASE(what_four_digits_cannot_say_is_refused,
                     data::make({"infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00+00",
                                 "294276-12-31 23:59:59.999999+00", "4713-11-24 00:00:00+00 BC", "", "2024-01-15 10:30:00",
                                 "2024-01-15 10:30:00+01", "2024-01-15 10:30:00.+00", "2024-01-15 10:30:00.1234567+00",
                                 "2024-01-15 10:30:00.12x+00", "2024-1a-15 10:30:00+00", "20240115 103000+00"}),
                     text) {
  BOOST_TEST(!parse_timestamp(text).has_value());
}

BOOST_AUTO_TEST_CASE(microseconds_count_from_1970) {
  BOOST_TEST(parse_timestamp("1970-01-01 00:00:00+00")->microseconds() == 0);
  BOOST_TEST(parse_timestamp("2024-02-29 12:00:00.5+00")->microseconds() == 1709208000500000);
  BOOST_TEST(parse_timestamp("1969-12-31 23:59:59+00")->microseconds() == -1000000);
  BOOST_TEST(parse_timestamp("2000-03-01 00:00:00+00")->microseconds() == 951868800000000);
  BOOST_TEST(parse_timestamp("0001-01-01 00:00:00+00")->microseconds() == -62135596800000000);
}

BOOST_AUTO_TEST_SUITE_END()
