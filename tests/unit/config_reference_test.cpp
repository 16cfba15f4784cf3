#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/config.hpp"
#include "tests/support/programs.hpp"

BOOST_AUTO_TEST_SUITE(config_reference)

BOOST_AUTO_TEST_CASE(the_page_of_all_keys_is_the_table_of_keys) {
  const std::string path = std::string(fraiseql::test::SOURCE_DIR) + "/docs/configuration.md";
  // WRITE_REFERENCE=1 unit_tests --run_test=config_reference: after a change of the table.
  if (std::getenv("WRITE_REFERENCE")) std::ofstream(path, std::ios::binary) << fraiseql::reference_markdown();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream page;
  page << file.rdbuf();
  BOOST_TEST((page.str() == fraiseql::reference_markdown()), "docs/configuration.md differs: write it with WRITE_REFERENCE=1");
}

BOOST_AUTO_TEST_CASE(help_lists_what_concerns_the_program_and_nothing_else) {
  const std::string help = fraiseql::keys_help(fraiseql::for_healthd);
  BOOST_TEST(help.find("health.listen = 127.0.0.1:8080  [FRAISEQL_HEALTH_LISTEN]") != help.npos);
  BOOST_TEST(help.find("transport.bridge.batch_size") == help.npos);
}

BOOST_AUTO_TEST_SUITE_END()
