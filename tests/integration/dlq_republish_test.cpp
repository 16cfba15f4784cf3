#define BOOST_TEST_MODULE dlq_republish
#include <signal.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/support/programs.hpp"
#include "tests/support/pipeline_fixture.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct Republish : PipelineFixture {
  /// A row that is too large, and its pk, once its letter is there.
  std::string too_large(const std::string& id) {
    const std::uint64_t letters = reader.count("fraiseql_events_dlq");
    sql(database, "INSERT INTO core.tb_entity_change_log (id, object_type, modification_type, object_id, object_data) VALUES ('" + id +
                      "', 'Order', 'INSERT', md5('1')::uuid, jsonb_build_object('x', repeat('y', 1100000)))");
    BOOST_REQUIRE(eventually([&] { return reader.count("fraiseql_events_dlq") == letters + 1; }));
    return sql(database, "SELECT pk_entity_change_log FROM core.tb_entity_change_log WHERE id = '" + id + "'");
  }
  void make_small(const std::string& pk) {
    sql(database, "UPDATE core.tb_entity_change_log SET object_data = '{\"x\":\"y\"}' WHERE pk_entity_change_log = " + pk);
  }
  Finished dlq(std::vector<std::string> words) const {
    words.insert(words.begin(), {FRAISEQL_COMMAND, "dlq"});
    words.insert(words.end(), {"--config", file});
    Child::Options options;
    options.environment["DATABASE_URL"] = database;
    options.directory = directory.path().string();
    return fraiseql::test::run(words, options, 60s);
  }
  std::size_t times(const std::string& id) const {
    std::size_t count = 0;
    for (const StreamMessage& message : reader.all("fraiseql_events")) count += message.id == id;
    return count;
  }
};

const std::string id = "55555555-5555-4555-8555-555555555555";

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_row_that_became_publishable_is_published_once_while_the_bridge_works_on, Republish) {
  Child bridge = program(PG2NATS_BRIDGE, "bridge");
  insert(10);
  BOOST_REQUIRE(reaches(10));
  const std::string pk = too_large(id);
  const auto still = dlq({"retry", "1"});
  BOOST_TEST(still.status == 1);
  BOOST_TEST(still.out.find("letter 1: failed: still unpublishable") == 0u, still.out);
  make_small(pk);
  const auto dry = dlq({"retry-all", "--dry-run"});
  BOOST_TEST(dry.status == 0);
  BOOST_TEST(dry.out.find("would run: publish row " + pk) != std::string::npos, dry.out);
  BOOST_TEST(stored() == 10u);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 1u);

  const std::string epoch = sql(database, "SELECT epoch FROM core.tb_transport_checkpoint");
  const auto finished = dlq({"retry", "1"});
  BOOST_TEST(finished.status == 0, finished.out + finished.err);
  BOOST_TEST(finished.out.find("letter 1: done: row " + pk + " as " + id + ", at 11 of the stream") == 0u, finished.out);
  BOOST_TEST(times(id) == 1u);
  BOOST_TEST(reader.at("fraiseql_events", 11).headers.find("Fraiseql-Pk: " + pk + "\r\n") != std::string::npos);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 0u);
  insert(10);
  BOOST_TEST(reaches(21));
  BOOST_TEST(sql(database, "SELECT epoch FROM core.tb_transport_checkpoint") == epoch);  // the leader noticed nothing
  BOOST_TEST(bridge.err().find("session") == std::string::npos, bridge.err());
}

BOOST_FIXTURE_TEST_CASE(a_row_published_by_a_retry_that_was_killed_is_not_published_again_when_its_id_is_forgotten, Republish) {
  Child bridge = program(PG2NATS_BRIDGE, "bridge");
  insert(1);
  BOOST_REQUIRE(reaches(1));
  const std::string pk = too_large(id);
  // A second letter of the same row stands for the one that the killed retry has left.
  natsMsg* raw = nullptr;
  BOOST_REQUIRE(natsMsg_Create(&raw, "fraiseql.dlq.Order.INSERT", nullptr, "{}", 2) == NATS_OK);
  const fraiseql::nats::Message copy(raw);
  for (const auto& [name, value] : {std::pair{"Fraiseql-Dlq-Reason", std::string("unpublishable")}, std::pair{"Fraiseql-Event-Id", id},
                                    std::pair{"Fraiseql-Source", std::string("pg_to_nats")}, std::pair{"Fraiseql-Pk", pk}})
    natsMsgHeader_Add(raw, name, value.c_str());
  BOOST_REQUIRE(natsConnection_PublishMsg(reader.link().get(), raw) == NATS_OK);
  BOOST_REQUIRE(eventually([&] { return reader.count("fraiseql_events_dlq") == 2; }));
  make_small(pk);
  BOOST_REQUIRE(dlq({"retry", "1"}).status == 0);
  BOOST_REQUIRE(times(id) == 1u);
  // The shortest memory that a stream can have, and then a little longer than that.
  std::string config = reader.info("fraiseql_events");
  const auto from = config.find("\"config\":") + 9;
  config = config.substr(from, config.find("},\"created\"") + 1 - from);
  const std::string window = "\"duplicate_window\":300000000000";
  BOOST_REQUIRE(config.find(window) != std::string::npos);
  config.replace(config.find(window), window.size(), "\"duplicate_window\":100000000");
  BOOST_REQUIRE(!reader.link().api("STREAM.UPDATE.fraiseql_events", config).failed());
  std::this_thread::sleep_for(500ms);
  const auto again = dlq({"retry", "2"});
  BOOST_TEST(again.status == 0, again.out + again.err);
  BOOST_TEST(again.out.find("stood in the stream already, at 2") != std::string::npos, again.out);
  BOOST_TEST(times(id) == 1u);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_gone_or_another_one_keeps_its_letter, Republish) {
  Child bridge = program(PG2NATS_BRIDGE, "bridge");
  const std::string gone = too_large(id);
  const std::string other = too_large("66666666-6666-4666-8666-666666666666");
  sql(database, "DELETE FROM core.tb_entity_change_log WHERE pk_entity_change_log = " + gone);
  sql(database, "UPDATE core.tb_entity_change_log SET object_data = '{}', id = '77777777-7777-4777-8777-777777777777' WHERE pk_entity_change_log = " + other);
  const auto finished = dlq({"retry-all"});
  BOOST_TEST(finished.status == 1);
  BOOST_TEST(finished.out.find("holds no row " + gone) != std::string::npos, finished.out);
  BOOST_TEST(finished.out.find("row " + other + " is another one than the letter's") != std::string::npos, finished.out);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 2u);
  BOOST_TEST(stored() == 0u);
}

BOOST_FIXTURE_TEST_CASE(both_programs_do_their_part_of_a_retry_and_the_metric_follows, Republish) {
  Child healthd = program(HEALTHD, "healthd");
  Child bridge = program(PG2NATS_BRIDGE, "bridge");
  Child executor = program(EXECUTOR, "executor");
  receiver.answer("/all", {{422}});
  insert(2);
  BOOST_REQUIRE(eventually([&] { return reader.count("fraiseql_events_dlq") == 2; }));
  make_small(too_large(id));
  const auto items = [&](const std::string& value) {
    return eventually([&] { return http_get(health_port, "/metrics").body.find("\nfraiseql_observer_dlq_items " + value + "\n") != std::string::npos; });
  };
  BOOST_TEST(items("3"));
  receiver.answer("/all", {{200}});
  const auto finished = dlq({"retry-all", "--format", "json"});
  BOOST_TEST(finished.status == 0, finished.out + finished.err);
  BOOST_TEST(std::count(finished.out.begin(), finished.out.end(), '\n') == 3);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 0u);
  BOOST_TEST(items("0"));
  BOOST_TEST(eventually([&] { return acted_on() == 3; }));
}
