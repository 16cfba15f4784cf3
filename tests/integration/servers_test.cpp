#define BOOST_TEST_MODULE servers
#include <boost/test/unit_test.hpp>

#include "tests/support/servers.hpp"

using namespace fraiseql::test;

BOOST_AUTO_TEST_CASE(a_real_postgresql_and_a_real_nats_server_start_and_survive_a_kill) {
  const std::string url = postgres_server().create_database();
  BOOST_TEST(sql(url, "CREATE TABLE t AS SELECT 7 AS n; SELECT n FROM t") == "7");
  postgres_server().restart();
  BOOST_TEST(sql(url, "SELECT n FROM t") == "7");
  const int port = nats_server().port();
  BOOST_TEST(port > 0);
  nats_server().restart();
  BOOST_TEST(nats_server().port() == port);
}
