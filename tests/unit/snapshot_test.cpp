#include "common/snapshot.hpp"

#include <boost/test/unit_test.hpp>

using namespace fraiseql;

BOOST_AUTO_TEST_SUITE(snapshot)

BOOST_AUTO_TEST_CASE(a_snapshot_sees_what_had_ended) {
  const auto taken = parse_snapshot("10:20:12,15");
  BOOST_REQUIRE(taken.has_value());
  BOOST_TEST(taken->sees(9));
  BOOST_TEST(taken->sees(10));
  BOOST_TEST(!taken->sees(12));
  BOOST_TEST(taken->sees(13));
  BOOST_TEST(!taken->sees(15));
  BOOST_TEST(taken->sees(19));
  BOOST_TEST(!taken->sees(20));
}

BOOST_AUTO_TEST_CASE(transactions_above_32_bits_are_read) {
  const auto taken = parse_snapshot("18446744073709551610:18446744073709551615:18446744073709551611");
  BOOST_REQUIRE(taken.has_value());
  BOOST_TEST(!taken->sees(18446744073709551611ULL));
}

BOOST_AUTO_TEST_CASE(what_is_not_a_snapshot_is_refused) {
  for (const char* text : {"", ":", "1", "1:2", "0:5:", "5:4:", "1:2:3", "1:9:5,", "1:9:,", "1:9:7,5", "1:9:5,5", "1:9:x",
                           "-1:2:", "1:2: ", "1:99999999999999999999:", "1:9:5;6"})
    BOOST_TEST(!parse_snapshot(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(those_that_ended_in_between_are_named) {
  const auto before = *parse_snapshot("10:20:10,12,15"), after = *parse_snapshot("12:30:12,25");
  const std::vector<std::uint64_t> ended = ended_between(before, after), expected = {10, 15};
  BOOST_TEST(ended == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
