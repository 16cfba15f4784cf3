#define BOOST_TEST_MODULE bridge
#include <signal.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/support/bridge_fixture.hpp"
#include "tests/support/http.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

// A transaction that a test holds open: psql with a pipe.
class Transaction {
 public:
  explicit Transaction(const std::string& url) : psql_({"psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"}, with_stdin()) { say("BEGIN"); }
  void say(const std::string& statement) {
    psql_.write(statement + "; SELECT 'done " + std::to_string(++said_) + "';\n");
    BOOST_REQUIRE(eventually([&] { return psql_.out().find("done " + std::to_string(said_)) != std::string::npos; }));
  }
  void insert(const std::string& entity, const std::string& key) {
    say("INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id) VALUES ('" + entity + "', 'UPDATE', md5('" + key + "')::uuid)");
  }

 private:
  static Child::Options with_stdin() {
    Child::Options options;
    options.use_stdin = true;
    return options;
  }
  Child psql_;
  int said_ = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bridge, BridgeFixture)

BOOST_AUTO_TEST_CASE(a_row_becomes_a_message_byte_for_byte) {
  sql(database, R"(INSERT INTO core.tb_entity_change_log (id, object_type, modification_type, object_id, object_data, object_data_before, updated_fields,
    created_at, tenant_id, actor_type, schema_version, trace_context, extra_metadata) VALUES
    ('11111111-1111-4111-8111-111111111111', 'Order', 'update', '22222222-2222-4222-8222-222222222222', '{"total": 100.00, "big": 9007199254740993, "s": "ü\n"}',
     '{"total": 99}', '{total,"a \"b\""}', '2024-01-15 10:30:00.5+02', '33333333-3333-4333-8333-333333333333', 'human_user', '7',
     '{"version":"00","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","parent_id":"00f067aa0ba902b7","trace_flags":"01","tracestate":"k=v"}', NULL);
    INSERT INTO core.tb_entity_change_log (id, object_type, modification_type, created_at, extra_metadata) VALUES
    ('44444444-4444-4444-8444-444444444444', 'Line item', 'archive', '2024-01-15 08:30:00+00', '{"entity_key": [1, "x"]}'))");
  Child bridge = start();
  BOOST_REQUIRE(reaches(2));
  const StreamMessage first = reader.at("fraiseql_events", 1);
  BOOST_TEST(first.subject == "fraiseql.mutation.Order.UPDATE");
  BOOST_TEST(first.payload ==
             R"({"event":"UPDATE","entity":"Order","subject":"fraiseql.mutation.Order.UPDATE","timestamp":"2024-01-15T08:30:00.500000Z",)"
             R"("data":{"s": "ü\n", "big": 9007199254740993, "total": 100.00},"before":{"total": 99},"changed":["total","a \"b\""]})");
  const std::string seq = sql(database, "SELECT seq FROM core.tb_entity_change_log ORDER BY 1 LIMIT 1");
  const std::string pk = sql(database, "SELECT min(pk_entity_change_log) FROM core.tb_entity_change_log");
  std::string headers = first.headers;
  const auto chain = headers.find("Nats-Expected-Last-Sequence: 0\r\n");
  if (chain != std::string::npos) headers.erase(chain, std::string("Nats-Expected-Last-Sequence: 0\r\n").size());
  BOOST_TEST(headers == "NATS/1.0\r\nNats-Msg-Id: 11111111-1111-4111-8111-111111111111\r\nFraiseql-Source: pg_to_nats\r\nFraiseql-Pk: " + pk +
                            "\r\nFraiseql-Seq: " + seq +
                            "\r\nFraiseql-Entity-Id: 22222222-2222-4222-8222-222222222222\r\nFraiseql-Tenant-Id: 33333333-3333-4333-8333-333333333333\r\n"
                            "Fraiseql-Actor-Type: human_user\r\nFraiseql-Schema-Version: 7\r\n"
                            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: k=v\r\n\r\n");
  const StreamMessage second = reader.at("fraiseql_events", 2);
  BOOST_TEST(second.subject == "fraiseql.mutation.Line%20item.CUSTOM");
  BOOST_TEST(second.payload ==
             R"({"event":"CUSTOM","entity":"Line item","subject":"fraiseql.mutation.Line%20item.CUSTOM","timestamp":"2024-01-15T08:30:00Z","data":null})");
  BOOST_TEST(second.headers.find("Fraiseql-Verb: archive\r\n") != std::string::npos);
  BOOST_TEST(second.headers.find("Fraiseql-Entity-Id: [1, \"x\"]\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_stream_is_made_with_every_configured_limit) {
  Child bridge = start(configuration({{"transport.nats.jetstream", "dedup_window_minutes = 3\nmax_age_days = 2\nmax_msgs = 12345\nmax_bytes = 67108864\n"}}));
  BOOST_REQUIRE(eventually([&] { return reader.info("fraiseql_events").find("config") != std::string::npos; }));
  const std::string info = reader.info("fraiseql_events");
  for (const char* member : {R"("subjects":["fraiseql.mutation.\u003e"])", R"("retention":"limits")", R"("storage":"file")", R"("discard":"old")",
                             R"("max_age":172800000000000)", R"("max_msgs":12345)", R"("max_bytes":67108864)", R"("duplicate_window":180000000000)", R"("num_replicas":1)"})
    BOOST_TEST(info.find(member) != std::string::npos, member << " in " << info);
}

BOOST_AUTO_TEST_CASE(a_smaller_limit_is_not_applied_and_what_others_set_survives) {
  reader.link().api("STREAM.CREATE.fraiseql_events", R"({"name":"fraiseql_events","subjects":["fraiseql.mutation.>"],"storage":"file","retention":"limits",
    "max_msgs":5000,"max_bytes":67108864,"max_age":3600000000000,"duplicate_window":60000000000,"max_msg_size":100000,"description":"ours","deny_delete":true})");
  Child bridge = start(configuration({{"transport.nats.jetstream", "max_msgs = 1000\nmax_bytes = 134217728\n"}}));
  insert(1);
  BOOST_REQUIRE(reaches(1));
  const std::string info = reader.info("fraiseql_events");
  for (const char* member : {R"("max_msgs":5000)", R"("max_bytes":134217728)", R"("max_age":604800000000000)", R"("duplicate_window":300000000000)",
                             R"("max_msg_size":100000)", R"("description":"ours")", R"("deny_delete":true)"})
    BOOST_TEST(info.find(member) != std::string::npos, member << " in " << info);
  BOOST_TEST(bridge.err().find("max_msgs is 5000, configured 1000") != std::string::npos, bridge.err());
}

BOOST_AUTO_TEST_CASE(subjects_of_another_stream_are_refused_with_its_name) {
  reader.link().api("STREAM.CREATE.foreign", R"({"name":"foreign","subjects":["fraiseql.mutation.Order.*"]})");
  Child bridge = start();
  BOOST_TEST(bridge.wait() == 78);
  BOOST_TEST(bridge.err().find("foreign") != std::string::npos, bridge.err());
}

BOOST_AUTO_TEST_CASE(three_interleaved_transactions_in_every_order_of_commit) {
  Child bridge = start();
  std::vector<int> order{0, 1, 2};
  int rows = 0;
  do {
    std::vector<std::unique_ptr<Transaction>> open;
    for (int i = 0; i < 3; ++i) open.push_back(std::make_unique<Transaction>(database));
    for (int round = 0; round < 2; ++round)
      for (int i = 0; i < 3; ++i) open[static_cast<std::size_t>(i)]->insert("T" + std::to_string(i), std::to_string(i)), ++rows;
    for (const int i : order) {
      open[static_cast<std::size_t>(i)]->say("COMMIT");
      // The reader may take its snapshot between any two of them.
      if (i == 1) sql(database, "INSERT INTO core.tb_entity_change_log (object_type, modification_type) VALUES ('Between', 'INSERT')"), ++rows;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  BOOST_REQUIRE(reaches(static_cast<std::uint64_t>(rows)));
  BOOST_TEST(audit().clean(), audit());
}

BOOST_AUTO_TEST_CASE(a_transaction_held_open_neither_stalls_the_others_nor_is_lost) {
  Child bridge = start();
  Transaction held(database);
  held.insert("Late", "x");
  for (int i = 0; i < 5; ++i) {
    insert(100);
    BOOST_REQUIRE(reaches(static_cast<std::uint64_t>(i + 1) * 100));
  }
  held.say("COMMIT");  // a window that holds only a straggler
  BOOST_REQUIRE(reaches(501));
  BOOST_TEST(reader.at("fraiseql_events", 501).subject == "fraiseql.mutation.Late.UPDATE");
  BOOST_TEST(audit().clean(), audit());
}

BOOST_AUTO_TEST_CASE(what_was_rolled_back_is_never_published) {
  Child bridge = start();
  {
    Transaction mixed(database);
    mixed.insert("Kept", "1");
    mixed.say("SAVEPOINT s");
    mixed.insert("Dropped", "2");
    mixed.say("ROLLBACK TO s");
    mixed.say("SAVEPOINT t");
    mixed.insert("Kept", "1");
    mixed.say("RELEASE t");
    mixed.say("COMMIT");
  }
  {
    Transaction dropped(database);
    dropped.insert("Dropped", "3");
    dropped.say("ROLLBACK");
  }
  insert(10);
  BOOST_REQUIRE(reaches(12));
  BOOST_TEST(audit().clean(), audit());
  BOOST_TEST(stored() == 12u);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_rows_once_each_and_in_order) {
  insert(100'000, 1000);
  Child bridge = start();
  BOOST_REQUIRE(reaches(100'000, 120s));
  BOOST_TEST(audit().clean(), audit());
  bridge.signal(SIGTERM);
  BOOST_TEST(bridge.wait() == 0);
  // The checkpoint is exact: the next bridge finds nothing to do, and skips nothing.
  Child next = start();
  insert(1);
  BOOST_REQUIRE(reaches(100'001));
  BOOST_TEST(next.err().find("already_stored=0") != std::string::npos, next.err());
}

BOOST_AUTO_TEST_CASE(in_the_chain_all_rows_keep_their_order) {
  insert(20'000, 1000);
  Child bridge = start(configuration({{"transport.bridge", "chain = \"on\"\n"}}));
  BOOST_REQUIRE(reaches(20'000));
  BOOST_TEST(bridge.err().find("way=\"chain\"") != std::string::npos);
  BOOST_TEST(audit().clean(), audit());
  std::int64_t last = 0;
  bool ascending = true;
  for (const auto& message : reader.all("fraiseql_events")) ascending &= std::exchange(last, message.pk) < message.pk;
  BOOST_TEST(ascending);
}

BOOST_AUTO_TEST_CASE(without_notifications_it_polls) {
  Child::Options options;
  options.environment["DATABASE_URL"] = database;
  options.directory = directory.path().string();
  BOOST_REQUIRE(run({FRAISEQL_COMMAND, "migrate", "--no-notify"}, options).status == 0);
  Child bridge = start();
  BOOST_REQUIRE(eventually([&] { return bridge.err().find("publishing") != std::string::npos; }));
  insert(1);
  BOOST_TEST(reaches(1, 5s));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_published_becomes_a_dead_letter_and_its_neighbours_flow) {
  sql(database, R"(INSERT INTO core.tb_entity_change_log (id, object_type, modification_type, object_id, object_data) VALUES
      (gen_random_uuid(), 'Order', 'INSERT', md5('1')::uuid, '{}'),
      ('55555555-5555-4555-8555-555555555555', 'Order', 'INSERT', md5('1')::uuid, jsonb_build_object('x', repeat('y', 1100000))),
      (gen_random_uuid(), repeat('e', 201), 'INSERT', md5('2')::uuid, '{}'),
      (gen_random_uuid(), 'Order', 'INSERT', md5('1')::uuid, '{}');
    INSERT INTO core.tb_entity_change_log (object_type, modification_type, created_at) VALUES ('Order', 'INSERT', 'infinity'), ('Order', 'DELETE', now()))");
  Child bridge = start();
  BOOST_REQUIRE(reaches(3));
  BOOST_REQUIRE(eventually([&] { return reader.count("fraiseql_events_dlq") == 3; }));
  const std::string pk = sql(database, "SELECT pk_entity_change_log FROM core.tb_entity_change_log WHERE id = '55555555-5555-4555-8555-555555555555'");
  // In the single way a row waits for the one before it of its entity, and its letter comes after later ones.
  std::vector<StreamMessage> letters;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) letters.push_back(reader.at("fraiseql_events_dlq", seq));
  const StreamMessage& letter = *std::find_if(letters.begin(), letters.end(), [&](const StreamMessage& one) {
    return one.headers.find("Fraiseql-Pk: " + pk + "\r\n") != std::string::npos;
  });
  BOOST_TEST(letter.subject == "fraiseql.dlq.Order.INSERT");
  BOOST_TEST(letter.headers.find("Nats-Msg-Id: dlq:pg_to_nats:" + pk + "\r\n") != std::string::npos, letter.headers);
  BOOST_TEST(letter.headers.find("Fraiseql-Dlq-Reason: unpublishable\r\n") != std::string::npos);
  BOOST_TEST(letter.headers.find("Fraiseql-Event-Id: 55555555-5555-4555-8555-555555555555\r\n") != std::string::npos);
  BOOST_TEST(letter.payload.starts_with("{\"pk\":" + pk + ",\"id\":\"55555555-5555-4555-8555-555555555555\",\"entity\":\"Order\",\"bytes\":11"), letter.payload);
  BOOST_TEST(std::any_of(letters.begin(), letters.end(), [](const StreamMessage& one) { return one.subject == "fraiseql.dlq._.INSERT"; }));
  // Nothing of it comes again: the checkpoint is behind the letters.
  bridge.signal(SIGTERM);
  BOOST_TEST(bridge.wait() == 0);
  Child next = start();
  insert(1);
  BOOST_REQUIRE(reaches(4));
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 3u);
  BOOST_TEST(stored() == 4u);
}

BOOST_AUTO_TEST_CASE(a_copied_row_with_the_id_of_another_is_a_dead_letter) {
  insert(5);
  Child bridge = start();
  BOOST_REQUIRE(reaches(5));
  sql(database, "ALTER TABLE core.tb_entity_change_log DROP CONSTRAINT IF EXISTS tb_entity_change_log_id_key; INSERT INTO core.tb_entity_change_log (id, object_type, "
                "modification_type) SELECT id, 'Copy', 'INSERT' FROM core.tb_entity_change_log ORDER BY pk_entity_change_log LIMIT 1");
  insert(5);
  BOOST_REQUIRE(reaches(10));
  BOOST_REQUIRE(eventually([&] { return reader.count("fraiseql_events_dlq") == 1; }));
  BOOST_TEST(reader.at("fraiseql_events_dlq", 1).headers.find("duplicate_id") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_copied_row_is_not_taken_for_its_original_in_the_tail) {
  insert(5);
  {
    Child bridge = start();
    BOOST_REQUIRE(reaches(5));
    bridge.signal(SIGTERM);
    BOOST_TEST(bridge.wait() == 0);
  }
  // As if the bridge had been killed before its first checkpoint: all five stand in the tail.
  sql(database, "UPDATE core.tb_transport_checkpoint SET last_pk = 0, snapshot = NULL, window_snapshot = NULL, window_pk = NULL, stream_seq = NULL, stream_msg_id = NULL; "
                "INSERT INTO core.tb_entity_change_log (id, object_type, modification_type) SELECT id, 'Copy', 'INSERT' FROM core.tb_entity_change_log "
                "ORDER BY pk_entity_change_log LIMIT 1");
  Child bridge = start();
  BOOST_REQUIRE(eventually([&] { return reader.count("fraiseql_events_dlq") == 1; }));
  BOOST_TEST(reader.at("fraiseql_events_dlq", 1).headers.find("duplicate_id") != std::string::npos);
  BOOST_TEST(stored() == 5u);
}

BOOST_AUTO_TEST_CASE(an_older_schema_and_a_missing_one_are_said_with_the_mend) {
  database = postgres_server().create_database();
  Child bridge = start();
  BOOST_TEST(bridge.wait() == 78);
  BOOST_TEST(bridge.err().find("run: fraiseql migrate") != std::string::npos, bridge.err());
}

BOOST_AUTO_TEST_CASE(check_changes_nothing_and_tells) {
  Child::Options options;
  options.environment["DATABASE_URL"] = database;
  options.directory = directory.path().string();
  const Finished good = run({PG2NATS_BRIDGE, "--config", configuration(), "--check"}, options);
  BOOST_TEST(good.status == 0, good.out << good.err);
  BOOST_TEST(reader.info("fraiseql_events").find("10059") != std::string::npos);
  nats.kill();
  BOOST_TEST(run({PG2NATS_BRIDGE, "--config", configuration(), "--check"}, options).status == 1);
}

BOOST_AUTO_TEST_SUITE_END()
