// What the broker has lost, and a database that is a copy: what the bridge does by itself, what it says, and the commands.
#define BOOST_TEST_MODULE rewind
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <ostream>
#include <thread>

#include "tests/support/bridge_fixture.hpp"
#include "tests/support/http.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace fraiseql::test {
std::ostream& operator<<(std::ostream& out, const Finished& finished) { return out << finished.status << ' ' << finished.out << finished.err; }
}  // namespace fraiseql::test

namespace {

struct RewindFixture : BridgeFixture {
  const int health_port = free_port();
  std::string file = configuration({{"health", "listen = \"127.0.0.1:" + std::to_string(health_port) + "\"\n"}});

  Child start_healthd() const {
    Child::Options options;
    options.directory = directory.path().string();
    return Child({HEALTHD, "--config", file}, options);
  }
  /// /health?verbose gives this reason, with a verdict of `status` and these words.
  bool tells(const std::string& status, const std::string& code, const std::string& words = "") const {
    return eventually([&] {
      const std::string body = http_get(health_port, "/health?verbose").body;
      return body.starts_with("{\"status\":\"" + status + "\"") && body.find("\"code\":\"" + code + "\"") != std::string::npos &&
             body.find(words) != std::string::npos;
    });
  }
  bool counted_regressions(int count) const {
    return eventually([&] {
      return http_get(health_port, "/metrics").body.find("\nfraiseql_bridge_broker_regressions_total " + std::to_string(count) + "\n") != std::string::npos;
    });
  }

  Finished operate(std::vector<std::string> words) const {
    Child::Options options;
    options.environment["DATABASE_URL"] = database;
    words.insert(words.begin(), {FRAISEQL_COMMAND, "bridge"});
    words.insert(words.end(), {"--config", file});
    return run(words, options);
  }
  bool refuses(const std::vector<std::string>& words, int status, const std::string& why) const {
    const Finished refused = operate(words);
    const bool right = refused.status == status && refused.err.find(why) != std::string::npos && refused.out.empty();
    BOOST_TEST(right, refused);
    return right;
  }

  /// A bridge from start to a clean stop.
  void bridge_until(std::uint64_t count) {
    Child bridge = start(file);
    BOOST_REQUIRE_MESSAGE(eventually([&] { return said(bridge, "publishing"); }) && reaches(count), bridge.err());
    bridge.signal(SIGTERM);
    BOOST_REQUIRE_MESSAGE(bridge.wait() == 0, bridge.err());
  }
  void copy_store() {
    nats.stop();
    std::filesystem::copy(nats.store(), directory / "copy", std::filesystem::copy_options::recursive);
    nats.start();
  }
  void bring_store_back() {
    nats.kill();
    std::filesystem::remove_all(nats.store());
    std::filesystem::copy(directory / "copy", nats.store(), std::filesystem::copy_options::recursive);
    nats.start();
  }
  void make_stream(std::chrono::nanoseconds duplicate_window) const {
    reader.link().api("STREAM.CREATE.fraiseql_events", R"({"name":"fraiseql_events","subjects":["fraiseql.mutation.>"],"storage":"file","duplicate_window":)" +
                                                           std::to_string(duplicate_window.count()) + "}");
  }
  void check_audit() const {
    const Audit found = audit();
    BOOST_TEST(found.clean(), found);
  }
  /// As check_audit, after something that was accepted as lost has come later.
  void check_once() const {
    const Audit found = audit();
    BOOST_TEST(found.lost + found.duplicated + found.foreign == 0u, found);
  }
  std::string cursor() const { return sql(database, "SELECT last_pk FROM core.tb_transport_checkpoint"); }
  int history() const { return std::stoi(sql(database, "SELECT count(*) FROM core.tb_transport_checkpoint_history WHERE stream_seq > 0")); }
};

/// A transaction that has inserted the row of that pk and stays open.
class Writer {
 public:
  Writer(const std::string& database, int pk) : psql_({"/bin/sh", "-c", "psql -X -q -v ON_ERROR_STOP=1 \"$URL\""}, options(database)) {
    psql_.write("BEGIN; INSERT INTO core.tb_entity_change_log (object_type, modification_type) VALUES ('Late', 'INSERT');\n");
    BOOST_REQUIRE(eventually(
        [&] { return sql(database, "SELECT last_value FROM core.tb_entity_change_log_pk_entity_change_log_seq") == std::to_string(pk); }));
  }
  void commit() {
    psql_.write("COMMIT;\n");
    psql_.close_input();
    BOOST_REQUIRE(psql_.wait() == 0);
  }

 private:
  static Child::Options options(const std::string& database) {
    Child::Options options;
    options.environment["URL"] = database;
    options.use_stdin = true;
    return options;
  }
  Child psql_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(rewinds, RewindFixture)

BOOST_AUTO_TEST_CASE(a_lost_tail_is_published_again_by_itself_as_often_as_it_is_lost) {
  const Child healthd = start_healthd();
  insert(50);
  bridge_until(50);
  copy_store();
  insert(50);
  Child bridge = start(file);
  for (int losses = 1; losses <= 2; ++losses) {
    BOOST_REQUIRE_MESSAGE(reaches(100), bridge.err());
    BOOST_REQUIRE_MESSAGE(eventually([&] { return cursor() == "100"; }), bridge.err());
    bring_store_back();
    BOOST_TEST(counted_regressions(losses));
  }
  insert(5);
  BOOST_REQUIRE_MESSAGE(reaches(105), bridge.err());
  check_audit();
  BOOST_TEST(said(bridge, "the stream has lost its last messages"), bridge.err());
  BOOST_TEST(tells("degraded", "broker_regression", "published again"));
}

BOOST_AUTO_TEST_CASE(after_a_quiet_day_there_is_still_a_checkpoint_to_go_back_to) {
  insert(50);
  bridge_until(50);
  copy_store();
  sql(database, "UPDATE core.tb_transport_checkpoint_history SET saved_at = saved_at - interval '3 days'");
  insert(50);
  bridge_until(100);
  bring_store_back();
  Child bridge = start(file);
  BOOST_REQUIRE_MESSAGE(reaches(100), bridge.err());
  check_audit();
}

BOOST_AUTO_TEST_CASE(with_nothing_to_go_back_to_it_waits_for_a_rewind_to_a_pk) {
  const Child healthd = start_healthd();
  insert(50);
  bridge_until(50);
  copy_store();
  insert(50);
  bridge_until(100);
  bring_store_back();
  sql(database, "DELETE FROM core.tb_transport_checkpoint_history");
  Child bridge = start(file);
  BOOST_TEST(tells("down", "no_history", "fraiseql bridge rewind --to-pk N"));
  BOOST_TEST(counted_regressions(1));
  BOOST_TEST(stored() == 50u);
  const Finished moved = operate({"rewind", "--to-pk", "20", "--format", "json"});
  BOOST_TEST(moved.out == "{\"from_pk\":100,\"to_pk\":20,\"skips_after_seq\":0,\"adopted\":0,\"dry_run\":false}\n", moved);
  BOOST_REQUIRE(reaches(100));
  check_audit();
  BOOST_TEST(eventually([&] { return http_get(health_port, "/health?verbose").body.find("no_history") == std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(a_stream_made_anew_is_known_by_its_message_and_waits_until_the_loss_is_accepted) {
  const Child healthd = start_healthd();
  insert(20);
  bridge_until(20);
  reader.link().api("STREAM.DELETE.fraiseql_events");
  make_stream(120s);
  // As long as the old one was, and none of its messages.
  for (int i = 0; i < 30; ++i) natsConnection_PublishString(reader.link().get(), "fraiseql.mutation.Other.INSERT", "{}");
  BOOST_REQUIRE(reaches(30));
  Child bridge = start(file);
  BOOST_TEST(tells("down", "stream_made_anew", "does not hold message 20 any more"));
  BOOST_TEST(http_get(health_port, "/health?verbose").body.find("jetstream_unreachable") == std::string::npos);
  BOOST_TEST(counted_regressions(1));
  insert(3);
  const Finished accepted = operate({"rewind", "--accept"});
  BOOST_TEST(accepted.status == 0, accepted);
  BOOST_REQUIRE(reaches(33));
  BOOST_TEST(eventually([&] { return cursor() == "23"; }));
  BOOST_TEST(stored() == 33u);
  BOOST_TEST(history() == 1);  // what came before the loss is no place to go back to
  refuses({"rewind", "--accept"}, 1, "nothing is lost: stream fraiseql_events has kept message 33");
}

BOOST_AUTO_TEST_CASE(killed_while_it_fills_what_is_missing_before_what_is_there_it_repeats_nothing) {
  file = configuration({{"transport.nats.jetstream", "manage = false\n"}, {"transport.bridge", "max_in_flight = 50\n"}});
  make_stream(1s);
  insert(15'000);
  bridge_until(15'000);
  reader.link().api("STREAM.DELETE.fraiseql_events");
  make_stream(1s);
  BOOST_TEST(operate({"rewind", "--accept"}).status == 0);
  insert(15'000);
  bridge_until(15'000);
  // Rows 15,001 to 30,000 stand in front; the others are to come behind them.
  const Finished moved = operate({"rewind", "--to-pk", "0"});
  BOOST_TEST(moved.status == 0, moved);
  {
    Child bridge = start(file);
    BOOST_REQUIRE(eventually([&] { return stored() >= 18'000; }));
    bridge.kill();
    BOOST_TEST(cursor() != "0");
    BOOST_TEST(stored() < 30'000u);
  }
  std::this_thread::sleep_for(1200ms);  // the server forgets its ids by its own clock only
  bridge_until(30'000);
  check_once();
}

BOOST_AUTO_TEST_CASE(after_a_purge_it_waits_until_the_ids_are_free_again) {
  const Child healthd = start_healthd();
  file = configuration({{"transport.nats.jetstream", "manage = false\n"}});
  make_stream(4s);
  insert(20);
  bridge_until(20);
  reader.link().api("STREAM.PURGE.fraiseql_events");
  BOOST_TEST(operate({"rewind", "--to-pk", "0"}).status == 0);
  Child bridge = start(file);
  BOOST_TEST(tells("degraded", "settling", "waiting for the duplicate window to pass"));
  BOOST_REQUIRE(reaches(20));
  check_audit();
  BOOST_TEST(stored() == 20u);
}

BOOST_AUTO_TEST_CASE(a_purge_is_no_loss) {
  insert(20);
  bridge_until(20);
  reader.link().api("STREAM.PURGE.fraiseql_events");
  insert(3);
  Child bridge = start(file);
  BOOST_REQUIRE(reaches(3));
  BOOST_TEST(reader.all("fraiseql_events").front().pk == 21);
  BOOST_TEST(!said(bridge, "lost"), bridge.err());
}

BOOST_AUTO_TEST_CASE(a_rewind_to_a_time_takes_the_newest_checkpoint_before_it) {
  insert(10);
  bridge_until(10);
  const auto now = [&] { return sql(database, R"(SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))"); };
  const std::string between = now();
  insert(10);
  bridge_until(20);
  reader.link().api("STREAM.DELETE.fraiseql_events");
  refuses({"rewind", "--to-time", "2001-01-01T00:00:00Z"}, 1, "the oldest checkpoint that is kept is of 20");
  refuses({"rewind", "--to-time", "2001-01-01 00:00"}, 64, "not a time such as");
  const Finished done = operate({"rewind", "--to-time", between, "--format", "json"});
  BOOST_TEST(done.out.starts_with("{\"from_pk\":20,\"to_pk\":10,"), done);
  insert(1);
  bridge_until(11);
  BOOST_TEST(reader.all("fraiseql_events").front().pk == 11);
}

BOOST_AUTO_TEST_CASE(a_rewind_is_no_replay_and_a_bridge_that_leads_takes_it_up_at_once) {
  refuses({"rewind", "--to-pk", "0"}, 1, "no bridge has published as transport pg_to_nats");
  insert(40);
  Child bridge = start(file);
  BOOST_REQUIRE(reaches(40));
  BOOST_REQUIRE(eventually([&] { return cursor() == "40"; }));
  refuses({"rewind"}, 64, "");
  refuses({"rewind", "--accept", "--to-pk", "1"}, 64, "");
  refuses({"rewind", "--to-pk", "-1"}, 64, "-1: not a pk");
  refuses({"rewind", "--to-pk", "010"}, 64, "010: not a pk");
  refuses({"rewind", "--to-pk", "41"}, 1, "the checkpoint stands at pk 40, and a rewind only goes back");
  refuses({"rewind", "--accept"}, 1, "nothing is lost");
  refuses({"adopt"}, 1, "this database is no copy");
  const Finished dry = operate({"rewind", "--to-pk", "10", "--dry-run"});
  BOOST_TEST(dry.out.find("from pk 40 to pk 10") != std::string::npos, dry);
  BOOST_TEST(cursor() == "40");
  const Finished done = operate({"rewind", "--to-pk", "10"});
  BOOST_TEST(done.status == 0, done);
  BOOST_REQUIRE(eventually([&] { return said(bridge, "another epoch"); }, 10s));
  insert(1);
  BOOST_REQUIRE(reaches(41));
  BOOST_REQUIRE(eventually([&] { return cursor() == "41"; }));
  check_audit();
}

BOOST_AUTO_TEST_CASE(a_rewind_passes_over_no_row_that_waits_below_its_pk) {
  insert(10);
  bridge_until(10);
  // Rows of transactions that are open while the bridge goes by.
  Writer later(database, 11), late(database, 12);
  insert(10);
  bridge_until(20);
  late.commit();
  const Finished moved = operate({"rewind", "--to-pk", "15"});
  BOOST_TEST(moved.out.find("from pk 22 to pk 11") != std::string::npos, moved);
  later.commit();  // after the rewind, before a bridge looks
  bridge_until(22);
  check_audit();
}

BOOST_AUTO_TEST_CASE(a_copied_database_is_adopted_and_what_is_missing_is_published) {
  const Child healthd = start_healthd();
  insert(30);
  bridge_until(30);
  // As a dump and restore leaves it: everything of another cluster, and the last ten rows not yet published there.
  insert(10);
  sql(database, "UPDATE core.tb_entity_change_log SET xact_id = (90000000000 + CASE WHEN pk_entity_change_log > 30 THEN 20 ELSE 0 END)::text::xid8; "
                "UPDATE core.tb_transport_checkpoint SET snapshot = '90000000010:90000000010:', system_identifier = 17");
  Child bridge = start(file);
  BOOST_TEST(tells("down", "database_copy", "fraiseql bridge adopt"));
  BOOST_TEST(stored() == 30u);
  refuses({"rewind", "--to-pk", "0"}, 1, "this database is a copy");
  const Finished dry = operate({"adopt", "--dry-run", "--format", "json"});
  BOOST_TEST(dry.out == "{\"from_pk\":30,\"to_pk\":30,\"skips_after_seq\":30,\"adopted\":40,\"dry_run\":true}\n", dry);
  BOOST_TEST(tells("down", "database_copy"));
  const Finished adopted = operate({"adopt"});
  BOOST_TEST(adopted.out.starts_with("40 rows were written elsewhere"), adopted);
  BOOST_REQUIRE(reaches(40));
  insert(2);
  BOOST_REQUIRE(reaches(42));
  check_audit();
  BOOST_TEST(eventually([&] { return http_get(health_port, "/health?verbose").body.find("database_copy") == std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(an_adoption_that_was_cut_short_is_done_again_and_leaves_no_row_out) {
  insert(30);
  bridge_until(30);
  // Row 5 was committed late there, is not published, and stands below all that the stream still has; and nothing tells whether
  // it is the stream of the original.
  sql(database, "UPDATE core.tb_entity_change_log SET xact_id = CASE pk_entity_change_log WHEN 5 THEN '90000000015' ELSE '90000000000' END::xid8, "
                "id = CASE pk_entity_change_log WHEN 5 THEN gen_random_uuid() ELSE id END; "
                "UPDATE core.tb_transport_checkpoint SET snapshot = '90000000010:90000000010:', system_identifier = NULL, stream_seq = NULL");
  reader.link().api("STREAM.PURGE.fraiseql_events", R"({"seq":20})");
  // Stopped at that row, when all others belong to this database already.
  sql(database, "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped here'; END $$; "
                "CREATE TRIGGER stop BEFORE UPDATE ON core.tb_entity_change_log FOR EACH ROW WHEN (OLD.pk_entity_change_log = 5) EXECUTE FUNCTION stop()");
  refuses({"adopt"}, 69, "stopped here");
  BOOST_TEST(sql(database, "SELECT count(*) FROM core.tb_entity_change_log WHERE xact_id > '80000000000'") == "1");
  Child bridge = start(file);
  BOOST_REQUIRE(eventually([&] { return said(bridge, "this database is a copy"); }));
  sql(database, "DROP TRIGGER stop ON core.tb_entity_change_log");
  const Finished adopted = operate({"adopt"});
  BOOST_TEST(adopted.status == 0, adopted);
  BOOST_REQUIRE(eventually([&] { return cursor() == "30"; }));
  std::vector<std::int64_t> pks;
  BOOST_TEST(eventually([&] {
    pks.clear();
    for (const StreamMessage& message : reader.all("fraiseql_events")) pks.push_back(message.pk);
    return pks.size() == 12 && pks.front() == 20 && pks.back() == 5;
  }), "" << pks.size());
}

BOOST_AUTO_TEST_SUITE_END()
