#include <boost/test/unit_test.hpp>

#include "common/log.hpp"

BOOST_AUTO_TEST_SUITE(log_lines)

BOOST_AUTO_TEST_CASE(a_value_with_quotes_and_line_breaks_stays_on_one_line) {
  BOOST_TEST(fraiseql::log::text_line("session lost", {{"why", "say \"x\"\nand y"}, {"tries", 3}}) ==
             R"(session lost why="say \"x\"\nand y" tries=3)");
}

BOOST_AUTO_TEST_CASE(the_same_facts_as_members_of_json) {
  BOOST_TEST(fraiseql::log::json_members("stopped", {{"clean", true}, {"why", "a\tb"}}) == R"("message":"stopped","clean":true,"why":"a\tb")");
}

BOOST_AUTO_TEST_SUITE_END()
