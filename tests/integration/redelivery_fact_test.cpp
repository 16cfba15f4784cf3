// Why executors on an older server may be given again, as if for the first time, what they have acknowledged. nats-server
// before 2.10.16 steps its place in the stream back when a redelivery finds only pulls whose owner has left ("we will redo
// this one"); commit 8272e749d of nats-io/nats-server mends it.
#define BOOST_TEST_MODULE redelivery_fact
#include <boost/test/unit_test.hpp>

#include "common/nats/streams.hpp"
#include "tests/support/child.hpp"
#include "tests/support/servers.hpp"
#include "tests/support/stream_reader.hpp"

using namespace fraiseql;
using namespace fraiseql::test;

namespace {

struct Puller {
  const nats::Link& link;
  std::string inbox;
  nats::Subscription subscription;

  explicit Puller(const nats::Link& link_) : link(link_) {
    const auto made = nats::make<nats::Inbox>("inbox", natsInbox_Create);
    inbox = made.get();
    subscription = nats::make<nats::Subscription>("subscribe", natsConnection_SubscribeSync, link.get(), inbox.c_str());
  }
  void ask(int batch) {
    const std::string json = "{\"batch\":" + std::to_string(batch) + ",\"expires\":20000000000}";
    nats::check(natsConnection_PublishRequestString(link.get(), "$JS.API.CONSUMER.MSG.NEXT.s.c", inbox.c_str(), json.c_str()), "pull");
    nats::check(natsConnection_FlushTimeout(link.get(), 5000), "flush");
  }
  /// The reply subject of the next message; empty when none comes within `ms`.
  std::string next(std::int64_t ms) {
    natsMsg* raw = nullptr;
    if (natsSubscription_NextMsg(&raw, subscription.get(), ms) != NATS_OK) return "";
    const nats::Message message(raw);
    return natsMsg_GetReply(raw);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(an_older_server_gives_an_acknowledged_message_again_when_who_asked_has_left) {
  const StreamReader reader(nats_server().url());
  const nats::Link& link = reader.link();
  BOOST_REQUIRE(!link.api("STREAM.CREATE.s", R"({"name":"s","subjects":["s.>"],"storage":"file"})").failed());
  for (const char* subject : {"s.1", "s.2"}) nats::check(natsConnection_PublishString(link.get(), subject, "x"), "publish");
  BOOST_REQUIRE(eventually([&] { return reader.count("s") == 2; }));
  BOOST_REQUIRE(!link.api("CONSUMER.DURABLE.CREATE.s.c",
                          R"({"stream_name":"s","config":{"durable_name":"c","ack_policy":"explicit","ack_wait":1500000000}})").failed());

  Puller first(link);
  first.ask(2);
  const std::string one = first.next(5000), two = first.next(5000);
  BOOST_TEST(one.starts_with("$JS.ACK.s.c.1.1."));
  BOOST_TEST(two.starts_with("$JS.ACK.s.c.1.2."));
  natsMsg* answer = nullptr;
  nats::check(natsConnection_RequestString(&answer, link.get(), two.c_str(), "+ACK", 5000), "ack");
  natsMsg_Destroy(answer);  // now the server has it
  {
    Puller left(link);
    left.ask(1);
  }
  // The first message is due again after ack_wait, and finds but the pull of the one that has left.
  Puller last(link);
  BOOST_TEST(last.next(2500).empty());
  last.ask(2);
  std::vector<std::string> came;
  for (int i = 0; i < 2; ++i) came.push_back(last.next(4000));
  const bool again_as_new = std::any_of(came.begin(), came.end(), [](const std::string& reply) { return reply.starts_with("$JS.ACK.s.c.1.2."); });
  BOOST_TEST(again_as_new == nats_server().gives_acknowledged_again());
  // The one that was due is late by one more ack_wait and its count goes on, as if it had been delivered meanwhile.
  BOOST_TEST(std::any_of(came.begin(), came.end(), [&](const std::string& reply) {
    return reply.starts_with(again_as_new ? "$JS.ACK.s.c.3.1." : "$JS.ACK.s.c.2.1.");
  }));
}
