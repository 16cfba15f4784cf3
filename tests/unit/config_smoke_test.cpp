#include <boost/test/unit_test.hpp>

#include "common/config.hpp"
#include "common/errors.hpp"

BOOST_AUTO_TEST_SUITE(config_smoke)
BOOST_AUTO_TEST_CASE(defaults_load) {
  const auto settings = fraiseql::load(fraiseql::SourceTexts{});
  BOOST_TEST(settings.transport() == "postgres");
  BOOST_TEST(settings.integer("transport.nats.jetstream.max_bytes") == 10737418240);
}
BOOST_AUTO_TEST_SUITE_END()
