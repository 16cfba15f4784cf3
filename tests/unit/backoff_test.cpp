#include <boost/test/unit_test.hpp>

#include "common/backoff.hpp"

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(backoff)

BOOST_AUTO_TEST_CASE(the_pause_doubles_up_to_the_longest_and_starts_anew) {
  fraiseql::Backoff backoff{100ms, 500ms};
  for (const int expected : {100, 200, 400, 500, 500}) BOOST_TEST(backoff.next(0.0).count() == expected);
  backoff.reset();
  BOOST_TEST(backoff.next(1.0).count() == 50);
}

BOOST_AUTO_TEST_SUITE_END()
