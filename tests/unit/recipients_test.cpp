#include "executor/actions/recipients.hpp"

#include <boost/test/unit_test.hpp>

#include "common/errors.hpp"

using namespace fraiseql;

BOOST_AUTO_TEST_SUITE(recipients)

BOOST_AUTO_TEST_CASE(a_template_is_divided_at_its_own_commas) {
  using Parts = std::vector<std::string>;
  const auto check = [](const char* text, const Parts& expected) {
    BOOST_TEST(divide_recipients(text) == expected, boost::test_tools::per_element());
  };
  check("a@b", {"a@b"});
  check(" a@b ,, c@d,", {"a@b", "c@d"});
  check("{{ a }} <{{ b }}>, x@y", {"{{ a }} <{{ b }}>", "x@y"});
  check("{{ '{{,' }}", {"{{ '{{,' }}"});
  check("\"Doe, Jane\" <jane@x>, b@c", {"\"Doe, Jane\" <jane@x>", "b@c"});
  check("", {});
}

BOOST_AUTO_TEST_CASE(what_is_fixed_and_no_address_is_refused_at_start) {
  BOOST_CHECK_NO_THROW(Recipients(Placed{"\"Doe, Jane\" <jane@example.org>, {{ mail }}", "o:1"}));
  for (const char* bad : {"", ",", "nobody", "{{ a }}, nobody", "Ann <ann@example.org", "Ann <ann>", "{{ a", "Ann <>"})
    BOOST_CHECK_THROW(Recipients(Placed{bad, "o:1"}), ConfigError);
}

BOOST_AUTO_TEST_SUITE_END()
