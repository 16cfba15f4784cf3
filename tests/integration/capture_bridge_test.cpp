// What a captured table's changes are in the stream.
#define BOOST_TEST_MODULE capture_bridge
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "tests/support/bridge_fixture.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;

BOOST_FIXTURE_TEST_CASE(captured_changes_reach_the_stream_with_key_and_earlier_row, BridgeFixture) {
  sql(database, "CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)");
  Child::Options options;
  options.environment["DATABASE_URL"] = database;
  options.directory = directory.path().string();
  const Finished added = run({FRAISEQL_COMMAND, "capture", "add", "orders", "--entity", "Order", "--pre-image"}, options);
  BOOST_REQUIRE_MESSAGE(added.status == 0, added.err);
  Child bridge = start();
  sql(database, "INSERT INTO orders VALUES (7, 100.00)");
  sql(database, "UPDATE orders SET total = 150.00");
  sql(database, "UPDATE orders SET id = 8");
  sql(database, "DELETE FROM orders");
  BOOST_REQUIRE(reaches(5));
  const struct {
    const char *verb, *key, *rest;
  } expected[] = {
      {"INSERT", "7", R"("data":{"id": 7, "total": 100.00}})"},
      {"UPDATE", "7", R"("data":{"id": 7, "total": 150.00},"before":{"id": 7, "total": 100.00}})"},
      {"DELETE", "7", R"("data":{"id": 7, "total": 150.00}})"},
      {"INSERT", "8", R"("data":{"id": 8, "total": 150.00}})"},
      {"DELETE", "8", R"("data":{"id": 8, "total": 150.00}})"},
  };
  std::uint64_t seq = 0;
  for (const auto& [verb, key, rest] : expected) {
    const StreamMessage message = reader.at("fraiseql_events", ++seq);
    BOOST_TEST(message.subject == std::string("fraiseql.mutation.Order.") + verb);
    BOOST_TEST(message.payload.ends_with(rest), message.payload);
    BOOST_TEST(message.headers.find(std::string("Fraiseql-Entity-Id: ") + key + "\r\n") != std::string::npos, message.headers);
  }
  BOOST_TEST(audit().lost == 0u);
  bridge.signal(SIGTERM);
  BOOST_TEST(bridge.wait() == 0);
}
