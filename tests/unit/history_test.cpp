#include "healthd/history.hpp"

#include <boost/test/unit_test.hpp>

using namespace fraiseql;

namespace {

Sample sample(std::int64_t at_ms, double backlog = 0) {
  Sample one;
  one.at_ms = at_ms;
  one.backlog = backlog;
  return one;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(history)

BOOST_AUTO_TEST_CASE(it_gives_what_is_later_than_asked) {
  History history;
  BOOST_TEST(history.after(0).empty());
  for (int second = 1; second <= 10; ++second) history.add(sample(second * 1000, second));
  BOOST_TEST(history.after(0).size() == 10u);
  BOOST_TEST(history.after(7000).size() == 3u);
  BOOST_TEST(history.after(7000).front().at_ms == 8000);
  BOOST_TEST(*history.after(7000).front().backlog == 8);
  BOOST_TEST(history.after(10'000).empty());
}

BOOST_AUTO_TEST_CASE(it_keeps_fifteen_minutes) {
  History history;
  for (int second = 1; second <= 5000; ++second) history.add(sample(second * 1000));
  BOOST_TEST(history.size() == 900u);
  BOOST_TEST(history.after(0).front().at_ms == 4101 * 1000);
  // After a pause only what is younger stays.
  history.add(sample(5000 * 1000 + 10 * 60 * 1000));
  BOOST_TEST(history.after(0).front().at_ms > (5000 - 300) * 1000);
  history.add(sample(9'000'000'000));
  BOOST_TEST(history.size() == 1u);
}

BOOST_AUTO_TEST_CASE(it_keeps_no_more_than_one_a_second_of_them) {
  History history;
  for (int i = 1; i <= 100'000; ++i) history.add(sample(i));
  BOOST_TEST(history.size() == 900u);
  history.add(sample(100'000, 1));
  history.add(sample(99'999, 1));
  BOOST_TEST(*history.after(99'999).back().backlog == 0);
}

BOOST_AUTO_TEST_SUITE_END()
