// Why `chain = "auto"` does not mean the chain: what a server does with Nats-Expected-Last-Sequence when somebody else
// publishes in between.
#define BOOST_TEST_MODULE chain_fact
#include <boost/test/unit_test.hpp>

#include "common/nats/publisher.hpp"
#include "common/nats/streams.hpp"
#include "tests/support/servers.hpp"
#include "tests/support/stream_reader.hpp"

using namespace fraiseql;
using namespace fraiseql::test;

BOOST_AUTO_TEST_CASE(a_foreign_message_takes_the_place_of_one_of_ours_and_the_next_answer_vouches_for_the_lost_one) {
  const NatsConfig config = nats_settings(nats_server().url());
  const StreamReader reader(config.url);
  nats::ensure_event_stream(reader.link(), config);
  nats::Publisher publisher(config, "test");
  const auto ours = [&](std::uint64_t expected, const std::string& id, const std::uint64_t* reply) {
    publisher.publish("fraiseql.mutation.Order.INSERT", reply,
                      "NATS/1.0\r\nNats-Msg-Id: " + id + "\r\nNats-Expected-Last-Sequence: " + std::to_string(expected) + "\r\n\r\n", "{}");
  };
  const std::uint64_t asked = 3;
  ours(0, "first", nullptr);
  publisher.publish("fraiseql.mutation.Other.INSERT", nullptr, "NATS/1.0\r\n\r\n", "{}");
  ours(1, "second", nullptr);
  ours(2, "third", &asked);
  publisher.flush();
  nats::Publisher::Answer answer{};
  BOOST_REQUIRE(eventually([&] { return publisher.next(answer); }));
  const auto ack = nats::wire::parse_pub_ack(answer.payload);
  BOOST_TEST(ack.value().seq == 3u);  // just what the chain had counted on
  std::vector<std::string> ids;
  for (const auto& message : reader.all("fraiseql_events")) ids.push_back(message.id);
  BOOST_TEST(ids == (std::vector<std::string>{"first", "", "third"}), boost::test_tools::per_element());
}
