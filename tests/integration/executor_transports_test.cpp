#define BOOST_TEST_MODULE executor_transports
#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/support/programs.hpp"
#include "tests/support/bridge_fixture.hpp"
#include "tests/support/webhook_receiver.hpp"

using namespace fraiseql::test;

// One log of changes, read by way of a bridge and JetStream, and directly.
BOOST_FIXTURE_TEST_CASE(an_observer_sees_the_same_events_whatever_the_transport, BridgeFixture) {
  WebhookReceiver receiver;
  const auto observer = [&](const std::string& path) {
    return "allow_networks = [\"127.0.0.0/8\"]\n[[observers]]\nname = \"hook\"\nentity = \"*\"\nevent_type = \"*\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" +
           receiver.url(path) + "\"\n";
  };
  sql(database, R"(INSERT INTO core.tb_entity_change_log
    (object_type, modification_type, object_id, object_data, object_data_before, updated_fields, created_at, extra_metadata, tenant_id, trace_context) VALUES
    ('Order', 'insert', gen_random_uuid(), '{"total": 100.00, "n": 9007199254740993, "s": "\u0001 é \" \\"}', NULL, NULL, '2024-01-15 10:30:00.5+00', NULL, gen_random_uuid(), NULL),
    ('a b.c', 'UPDATE', NULL, '[1e400, null]', '{"x": 1}', ARRAY['x','y z'], '0001-01-01 00:00:00+00', '{"entity_key": "42"}', NULL,
      '{"version":"00","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","parent_id":"00f067aa0ba902b7","trace_flags":"01","tracestate":"k=v"}'),
    ('Order', 'DELETE', NULL, NULL, '{"x": -0}', NULL, now(), NULL, NULL, NULL),
    ('Order', 'NOOP', NULL, NULL, NULL, NULL, now(), NULL, NULL, NULL))");
  Child bridge = start();
  Child::Options options;
  options.environment["DATABASE_URL"] = database;
  options.directory = directory.path().string();
  Child by_stream({EXECUTOR, "--config",
                   directory.file("stream.toml", "[transport]\ntransport = \"nats\"\n[transport.nats]\nurl = \"" + nats.url() + "\"\n[health]\nstatus_endpoint = \"ipc://" +
                                                     (directory / "status").string() + "\"\n[security]\n" + observer("/stream"))},
                  options);
  Child by_log({EXECUTOR, "--config",
                directory.file("log.toml", "[transport]\ntransport = \"postgres\"\n[health]\nstatus_endpoint = \"ipc://" + (directory / "status").string() + "\"\n[security]\n" +
                                               observer("/log"))},
               options);
  BOOST_REQUIRE(eventually([&] { return receiver.requests("/stream").size() == 4 && receiver.requests("/log").size() == 4; }));
  const auto by_pk = [&](const std::string& path) {
    std::map<std::string, WebhookReceiver::Request> found;
    for (auto& request : receiver.requests(path)) found[request.headers.at("fraiseql-pk")] = request;
    return found;
  };
  auto stream = by_pk("/stream"), log = by_pk("/log");
  BOOST_REQUIRE(stream.size() == 4u);
  for (auto& [pk, request] : stream) {
    BOOST_TEST(request.body == log[pk].body);
    request.headers.erase("webhook-timestamp");
    log[pk].headers.erase("webhook-timestamp");
    BOOST_TEST((request.headers == log[pk].headers));
  }
}
