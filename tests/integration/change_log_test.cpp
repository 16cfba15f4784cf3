// servers: none
#define BOOST_TEST_MODULE change_log
#include "common/change_log.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "common/change_log_sql.hpp"
#include "common/errors.hpp"
#include "tests/support/servers.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t plenty = 8 * 1024 * 1024, large = 1024 * 1024;
const std::string insert = "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_data) ";

Postgres session(const std::string& url) { return Postgres(url, {}); }

std::string one(const std::string& entity, int number) {
  return insert + "VALUES ('" + entity + "', 'INSERT', '{\"n\":" + std::to_string(number) + "}')";
}

/// A reader that remembers what it read, in order.
struct Reader {
  ChangeLog log;
  Place place;
  std::vector<std::int64_t> pks;
  std::vector<std::string> data;

  explicit Reader(const std::string& url, bool from_now = false) : log(url, "test", from_now) { place = log.checkpoint().place; }
  /// Reads until nothing is new; returns how many rows came.
  int drain(int max_rows = 100, std::size_t max_bytes = plenty) {
    int count = 0;
    while (true) {
      const Page page = log.page_after(place, max_rows, max_bytes, large);
      for (const ChangeRow& row : page.rows) {
        pks.push_back(row.pk);
        data.emplace_back(row.data);
        ++count;
      }
      place = page.next;
      if (page.rows.empty() && page.window_done) return count;
    }
  }
};

/// The pks of the table, as an independent client sees them.
std::set<std::int64_t> truth(const std::string& url) {
  std::set<std::int64_t> pks;
  const Rows rows = session(url).exec("SELECT pk_entity_change_log FROM core.tb_entity_change_log");
  for (int row = 0; row < rows.size(); ++row) pks.insert(rows.integer(row, 0));
  return pks;
}

void expect_each_once(const Reader& reader, const std::string& url) {
  const std::set<std::int64_t> once(reader.pks.begin(), reader.pks.end());
  BOOST_TEST(once.size() == reader.pks.size());
  BOOST_TEST((once == truth(url)));
}

}  // namespace

BOOST_AUTO_TEST_CASE(three_interleaved_transactions_are_read_once_in_every_order_of_commit) {
  const std::string url = migrated_database();
  std::vector<Postgres> writers;
  for (int i = 0; i < 3; ++i) writers.push_back(session(url));
  Postgres setup = session(url);
  setup.exec("CREATE TABLE entity (name text PRIMARY KEY, version int); INSERT INTO entity VALUES ('a', 0), ('b', 0), ('c', 0)");
  Reader reader(url);
  int number = 0;
  const std::string names[] = {"a", "b", "c"};
  std::vector<int> order = {0, 1, 2};
  std::map<std::string, int> highest;
  do {
    // Each changes its entity first and tells after it, interleaved, with a read after every step.
    for (Postgres& writer : writers) writer.exec("BEGIN");
    for (int round = 0; round < 2; ++round)
      for (int writer = 0; writer < 3; ++writer) {
        writers[static_cast<std::size_t>(writer)].exec("UPDATE entity SET version = version + 1 WHERE name = '" + names[writer] +
                                                       "'");
        writers[static_cast<std::size_t>(writer)].exec(one(names[writer], ++number));
        if (round == 1) reader.drain(1);
      }
    for (const int writer : order) {
      writers[static_cast<std::size_t>(writer)].exec("COMMIT");
      reader.drain(1);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  expect_each_once(reader, url);
  int misordered = 0;
  std::map<std::string, std::int64_t> last;
  for (const std::int64_t pk : reader.pks) {
    const std::string entity(
        setup.exec("SELECT object_type FROM core.tb_entity_change_log WHERE pk_entity_change_log = " + std::to_string(pk))
            .text(0, 0));
    if (pk < last[entity]) ++misordered;
    last[entity] = pk;
  }
  BOOST_TEST(misordered == 0);
}

BOOST_AUTO_TEST_CASE(transactions_with_changes_of_one_entity_keep_their_order_although_a_later_one_drew_no_lower_pk) {
  const std::string url = migrated_database();
  Postgres first = session(url), second = session(url);
  Reader reader(url);
  // The second one draws an older transaction id and a higher pk.
  second.exec("BEGIN; SELECT pg_current_xact_id()");
  first.exec("BEGIN; " + one("a", 1));
  reader.drain();
  first.exec("COMMIT");
  second.exec(one("a", 2));
  reader.drain();
  second.exec("COMMIT");
  reader.drain();
  const std::vector<std::string> expected = {"{\"n\": 1}", "{\"n\": 2}"};
  BOOST_TEST(reader.data == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_window_may_hold_only_a_straggler) {
  const std::string url = migrated_database();
  Postgres slow = session(url), other = session(url);
  Reader reader(url);
  slow.exec("BEGIN; " + one("slow", 1));
  other.exec(one("other", 2));
  BOOST_TEST(reader.drain() == 1);
  slow.exec("COMMIT");
  BOOST_TEST(reader.drain() == 1);
  BOOST_TEST(reader.data.back() == "{\"n\": 1}");
  BOOST_TEST(reader.drain() == 0);
  expect_each_once(reader, url);
}

BOOST_AUTO_TEST_CASE(a_transaction_held_open_stops_nobody_and_its_rows_come_when_it_ends) {
  const std::string url = migrated_database();
  Postgres slow = session(url), other = session(url);
  Reader reader(url);
  slow.exec("BEGIN; " + insert + "SELECT 'slow', 'INSERT', NULL FROM generate_series(1, 150)");
  for (int i = 0; i < 20; ++i) {
    other.exec(insert + "SELECT 'other', 'INSERT', NULL FROM generate_series(1, 50)");
    BOOST_TEST(reader.drain(7) == 50);
    if (i == 10) slow.exec(insert + "SELECT 'slow', 'INSERT', NULL FROM generate_series(1, 150)");
  }
  slow.exec(insert + "SELECT 'slow', 'INSERT', NULL FROM generate_series(1, 150)");
  other.exec(insert + "SELECT 'other', 'INSERT', NULL FROM generate_series(1, 50)");
  slow.exec("COMMIT");
  BOOST_TEST(reader.drain(7) == 500);
  BOOST_TEST(std::is_sorted(reader.pks.end() - 500, reader.pks.end()));
  expect_each_once(reader, url);
}

BOOST_AUTO_TEST_CASE(rollbacks_savepoints_and_prepared_transactions_are_read_as_committed) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  Reader reader(url);
  writer.exec("BEGIN; " + one("gone", 1) + "; ROLLBACK");
  BOOST_TEST(reader.drain() == 0);
  writer.exec("BEGIN; " + one("kept", 2) + "; SAVEPOINT s; " + one("gone", 3) + "; ROLLBACK TO s; SAVEPOINT t; " +
              one("kept", 4) + "; RELEASE t; COMMIT");
  BOOST_TEST(reader.drain() == 2);
  // PostgreSQL refuses to prepare a transaction that has notified: who prepares runs `migrate --no-notify`.
  writer.exec("DROP TRIGGER trigger_entity_change_notify ON core.tb_entity_change_log");
  writer.exec("BEGIN; SAVEPOINT s; " + one("late", 5));
  writer.exec("PREPARE TRANSACTION 'left'");
  writer.exec(one("kept", 6));
  BOOST_TEST(reader.drain() == 1);
  BOOST_TEST(reader.drain() == 0);
  writer.exec("COMMIT PREPARED 'left'");
  BOOST_TEST(reader.drain() == 1);
  BOOST_TEST(reader.data.back() == "{\"n\": 5}");
  expect_each_once(reader, url);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_rows_come_once_and_in_order_from_a_place_that_was_saved_on_the_way) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  writer.exec(insert + "SELECT 'Order', 'INSERT', jsonb_build_object('n', g) FROM generate_series(1, 100000) g");
  auto reader = std::make_unique<Reader>(url);
  std::vector<std::int64_t> pks;
  Place place = reader->place;
  Checkpoint checkpoint = reader->log.checkpoint();
  checkpoint.epoch = reader->log.take_epoch();
  int pages = 0;
  while (true) {
    const Page page = reader->log.page_after(place, 100, plenty, large);
    for (const ChangeRow& row : page.rows) pks.push_back(row.pk);
    place = page.next;
    if (page.rows.empty() && page.window_done) break;
    if (++pages % 300 == 0) {  // a new session, from the row in the database, while others write
      checkpoint.place = place;
      reader->log.save_checkpoint(checkpoint);
      writer.exec(one("more", pages));
      reader = std::make_unique<Reader>(url);
      place = reader->place;
      checkpoint = reader->log.checkpoint();
      checkpoint.epoch = reader->log.take_epoch();
    }
  }
  BOOST_TEST(pks.size() == 100000u + static_cast<std::size_t>(pages / 300));
  BOOST_TEST(std::is_sorted(pks.begin(), pks.end()));
  BOOST_TEST((std::set<std::int64_t>(pks.begin(), pks.end()) == truth(url)));
}

BOOST_AUTO_TEST_CASE(concurrent_writers_lose_nothing) {
  const std::string url = migrated_database();
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&url, t] {
      Postgres writer = session(url);
      for (int i = 0; i < 300; ++i) {
        const std::string end = i % 7 == 3 ? "ROLLBACK" : "COMMIT";
        writer.exec("BEGIN");
        writer.exec(one("e" + std::to_string(t), i));
        if (i % 5 == 0) writer.exec("SELECT pg_sleep(0.003)");
        writer.exec(one("e" + std::to_string(t), i));
        writer.exec(end);
      }
    });
  Reader reader(url);
  while (reader.pks.size() < 2000) reader.drain(10);
  for (auto& thread : threads) thread.join();
  reader.drain(10);
  expect_each_once(reader, url);
}

BOOST_AUTO_TEST_CASE(the_row_of_an_older_bridge_goes_on_above_its_pk) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  writer.exec(insert + "SELECT 'Order', 'INSERT', jsonb_build_object('n', g) FROM generate_series(1, 10) g");
  writer.exec("INSERT INTO core.tb_transport_checkpoint (transport_name, last_pk) VALUES ('test', 4)");
  Postgres slow = session(url);
  slow.exec("BEGIN; " + one("late", 11));
  Reader reader(url);
  BOOST_TEST(!reader.log.checkpoint().first_run);
  BOOST_TEST(reader.drain(4) == 6);
  BOOST_TEST(reader.pks.front() == 5);
  // From here on only snapshots decide, also below that pk.
  writer.exec(
      "INSERT INTO core.tb_entity_change_log (pk_entity_change_log, object_type, modification_type) OVERRIDING SYSTEM VALUE "
      "VALUES (-3, 'low', 'INSERT')");
  slow.exec("COMMIT");
  BOOST_TEST(reader.drain() == 2);
  BOOST_TEST(reader.pks[6] == -3);
  BOOST_TEST(reader.pks[7] == 11);
}

BOOST_AUTO_TEST_CASE(a_reader_that_starts_now_reads_only_what_is_committed_later) {
  const std::string url = migrated_database();
  Postgres writer = session(url), slow = session(url);
  writer.exec(one("old", 1));
  slow.exec("BEGIN; " + one("late", 2));
  writer.exec(one("old", 3));
  Reader reader(url, true);
  BOOST_TEST(reader.drain() == 0);
  slow.exec("COMMIT");
  writer.exec(one("new", 4));
  BOOST_TEST(reader.drain() == 2);
  BOOST_TEST(reader.data.front() == "{\"n\": 2}");
  // The second start does not start anew.
  Reader again(url, false);
  BOOST_TEST(again.drain() == 2);
}

BOOST_AUTO_TEST_CASE(a_row_that_brings_a_foreign_xact_id_is_given_its_own) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  Reader reader(url);
  reader.drain();
  writer.exec(
      "INSERT INTO core.tb_entity_change_log (object_type, modification_type, xact_id) VALUES ('a', 'INSERT', '3'), ('b', "
      "'INSERT', '999999999'), ('c', 'INSERT', NULL)");
  writer.exec(
      "SET session_replication_role = replica; INSERT INTO core.tb_entity_change_log (object_type, modification_type, xact_id) "
      "VALUES ('d', 'INSERT', '3')");
  BOOST_TEST(reader.drain() == 4);
  BOOST_TEST(!reader.log.is_copy(reader.log.checkpoint()));
}

BOOST_AUTO_TEST_CASE(a_row_of_another_database_shows) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  writer.exec("ALTER TABLE core.tb_entity_change_log DISABLE TRIGGER trigger_zz_entity_change_xact_id");
  writer.exec(
      "INSERT INTO core.tb_entity_change_log (object_type, modification_type, xact_id) VALUES ('a', 'INSERT', '999999999')");
  writer.exec("ALTER TABLE core.tb_entity_change_log ENABLE ALWAYS TRIGGER trigger_zz_entity_change_xact_id");
  ChangeLog log(url, "test", false);
  Checkpoint checkpoint = log.checkpoint();
  BOOST_TEST(log.is_copy(checkpoint));
  writer.exec("TRUNCATE core.tb_entity_change_log");
  BOOST_TEST(!log.is_copy(checkpoint));
  checkpoint.system_identifier = 5;
  BOOST_TEST(log.is_copy(checkpoint));
}

BOOST_AUTO_TEST_CASE(a_page_is_bounded_by_bytes_and_large_rows_come_whole) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  // 20 rows of 300 kB that compress to almost nothing, small ones between them
  writer.exec(insert +
              "SELECT 'big', 'INSERT', CASE WHEN g % 2 = 0 THEN jsonb_build_object('n', g, 'text', repeat('x', 300000)) "
              "ELSE jsonb_build_object('n', g) END FROM generate_series(1, 40) g");
  ChangeLog log(url, "test", false);
  Place place = log.checkpoint().place;
  std::vector<std::int64_t> pks;
  int pages = 0;
  while (true) {
    const Page page = log.page_after(place, 100, 1'000'000, 500'000);
    std::size_t bytes = 0;
    for (const ChangeRow& row : page.rows) {
      bytes += row.data.size();
      pks.push_back(row.pk);
      BOOST_TEST(!row.oversize);
      BOOST_TEST(static_cast<std::int64_t>(row.data.size()) == row.data_bytes);
      BOOST_TEST((row.data.size() > 300000) == (row.pk % 2 == 0));
    }
    BOOST_TEST(bytes <= 1'000'000u);
    place = page.next;
    if (page.rows.empty() && page.window_done) break;
    ++pages;
  }
  BOOST_TEST(pages >= 7);
  BOOST_TEST(pks.size() == 40u);
  BOOST_TEST(std::is_sorted(pks.begin(), pks.end()));
}

BOOST_AUTO_TEST_CASE(a_row_above_the_limit_comes_without_its_text) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  writer.exec(
      "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_data, object_data_before) VALUES "
      "('small', 'INSERT', '1', NULL), ('big', 'UPDATE', to_jsonb(repeat('x', 60000)), to_jsonb(repeat('y', 60000))), "
      "('gone', 'DELETE', to_jsonb(repeat('x', 60000)), to_jsonb(repeat('y', 60000))), ('exact', 'INSERT', to_jsonb(repeat('x', "
      "99998)), NULL), "
      "('more', 'INSERT', to_jsonb(repeat('x', 99999)), NULL)");
  ChangeLog log(url, "test", false);
  const Page page = log.page_after(log.checkpoint().place, 100, plenty, 100'000);
  BOOST_REQUIRE(page.rows.size() == 5u);
  BOOST_TEST(page.rows[0].data == "1");
  BOOST_TEST(page.rows[1].oversize);
  BOOST_TEST(page.rows[1].data_bytes == 120004);
  BOOST_TEST((page.rows[1].data.data() == nullptr));
  BOOST_TEST(!page.rows[2].oversize);  // of a DELETE only the pre-image is published
  BOOST_TEST(page.rows[2].before.size() == 60002u);
  BOOST_TEST(page.rows[3].data.size() == 100'000u);
  BOOST_TEST(page.rows[4].oversize);
}

BOOST_AUTO_TEST_CASE(every_column_of_the_event_is_read) {
  const std::string url = migrated_database();
  Postgres writer = session(url);
  writer.exec(
      R"(INSERT INTO core.tb_entity_change_log (object_type, modification_type, id, created_at, object_id, tenant_id, actor_type, acting_for,
    schema_version, seq, updated_fields, trace_context, extra_metadata, object_data, object_data_before) VALUES
    ('Order', 'update', '11111111-1111-1111-1111-111111111111', '2024-01-15 11:30:00.25+01', '22222222-2222-2222-2222-222222222222',
     '33333333-3333-3333-3333-333333333333', 'ai_agent', '44444444-4444-4444-4444-444444444444', 'v7', 42, '{status,"a \" b"}',
     '{"version":"00","trace_id":"0af7","parent_id":"b7ad","trace_flags":"01","tracestate":"a=b"}', '{"entity_key":[1,"x"]}',
     '{"total": 100.00, "big": 9007199254740993}', '{"total":1e3}'),
    ('Order', 'INSERT', default, 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"version":"00","tracestate":"a=b"}', '{"entity_key":[1,"x"]}', 'null', NULL),
    ('Order', 'INSERT', default, default, NULL, NULL, NULL, NULL, NULL, default, '{}', '5', '"scalar"', NULL, NULL))");
  ChangeLog log(url, "test", false);
  const Page page = log.page_after(log.checkpoint().place, 100, plenty, large);
  BOOST_REQUIRE(page.rows.size() == 3u);
  const ChangeRow& full = page.rows[0];
  BOOST_TEST(full.id == "11111111-1111-1111-1111-111111111111");
  BOOST_TEST(full.entity == "Order");
  BOOST_TEST(full.verb == "update");
  BOOST_TEST(full.created_at == "2024-01-15 10:30:00.25+00");
  BOOST_TEST(full.entity_id == "22222222-2222-2222-2222-222222222222");
  BOOST_TEST(full.tenant_id == "33333333-3333-3333-3333-333333333333");
  BOOST_TEST(full.actor_type == "ai_agent");
  BOOST_TEST(full.acting_for == "44444444-4444-4444-4444-444444444444");
  BOOST_TEST(full.schema_version == "v7");
  BOOST_TEST(full.seq == "42");
  BOOST_TEST(full.changed == "[\"status\",\"a \\\" b\"]");
  BOOST_TEST(full.traceparent == "00-0af7-b7ad-01");
  BOOST_TEST(full.tracestate == "a=b");
  BOOST_TEST(full.data == "{\"big\": 9007199254740993, \"total\": 100.00}");
  BOOST_TEST(full.before == "{\"total\": 1000}");
  const ChangeRow& part = page.rows[1];
  BOOST_TEST(part.created_at == "infinity");
  BOOST_TEST(part.entity_id == "[1, \"x\"]");
  BOOST_TEST((part.traceparent.data() == nullptr));
  BOOST_TEST((part.tracestate.data() == nullptr));
  BOOST_TEST((part.seq.data() == nullptr));
  BOOST_TEST(part.data == "null");
  const ChangeRow& bare = page.rows[2];
  BOOST_TEST((bare.entity_id.data() == nullptr));
  BOOST_TEST((bare.data.data() == nullptr));
  BOOST_TEST((bare.traceparent.data() == nullptr));
  BOOST_TEST(bare.changed == "[]");
  BOOST_TEST(bare.seq.data() != nullptr);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_fenced_by_its_epoch_and_remembered_in_the_history) {
  const std::string url = migrated_database();
  ChangeLog first(url, "test", false), second(url, "test", false);
  Checkpoint old_one = first.checkpoint();
  BOOST_TEST(old_one.first_run);
  old_one.epoch = first.take_epoch();
  old_one.place = {"5:9:6,7", "5:12:", 33};
  old_one.stream_seq = 70;
  old_one.stream_msg_id = "an id";
  old_one.tail_seq = 60;
  first.save_checkpoint(old_one);
  Checkpoint new_one = second.checkpoint();
  BOOST_TEST(new_one.place.snapshot == "5:9:6,7");
  BOOST_TEST(new_one.place.window_snapshot == "5:12:");
  BOOST_TEST(new_one.place.last_pk == 33);
  BOOST_TEST(new_one.cursor == 33);
  BOOST_TEST(new_one.stream_seq == 70);
  BOOST_TEST(new_one.stream_msg_id == "an id");
  BOOST_TEST(new_one.tail_seq == 60);
  BOOST_TEST(new_one.system_identifier == second.system_identifier());
  new_one.epoch = second.take_epoch();
  BOOST_TEST(new_one.epoch == old_one.epoch + 1);
  BOOST_CHECK_THROW(first.save_checkpoint(old_one), SessionOver);
  new_one.place = {"5:12:", "", 0};
  second.save_checkpoint(new_one);
  second.save_checkpoint(new_one);
  BOOST_TEST(sql(url, "SELECT count(*), max(stream_seq) FROM core.tb_transport_checkpoint_history") == "2|70");
  BOOST_TEST(sql(url, "SELECT last_pk, window_snapshot IS NULL, window_pk IS NULL FROM core.tb_transport_checkpoint") ==
             "33|t|t");
}

BOOST_AUTO_TEST_CASE(one_reader_leads_until_its_connection_ends) {
  const std::string url = migrated_database();
  auto first = std::make_unique<ChangeLog>(url, "test", false);
  ChangeLog second(url, "test", false), other(url, "other", false);
  BOOST_TEST(first->try_lead());
  BOOST_TEST(!second.try_lead());
  BOOST_TEST(other.try_lead());
  first.reset();
  BOOST_TEST(eventually([&] { return second.try_lead(); }));
}

BOOST_AUTO_TEST_CASE(a_notification_wakes_the_reader_and_a_readable_descriptor_too) {
  const std::string url = migrated_database();
  ChangeLog log(url, "test", false);
  log.listen("fraiseql_events");
  BOOST_TEST(!log.wait(10ms));
  Postgres writer = session(url);
  writer.exec(one("a", 1));
  BOOST_TEST(log.wait(10s));
  BOOST_TEST(!log.wait(10ms));
  writer.exec(one("a", 2));
  log.touch();  // libpqxx reads the notification on this occasion, perhaps
  BOOST_TEST(log.wait(10s));
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  BOOST_REQUIRE(write(ends[1], "x", 1) == 1);
  const auto began = std::chrono::steady_clock::now();
  BOOST_TEST(!log.wait(20s, ends[0]));
  BOOST_TEST((std::chrono::steady_clock::now() - began < 5s));
  close(ends[0]);
  close(ends[1]);
}

BOOST_AUTO_TEST_CASE(a_lost_connection_is_unavailable_everywhere) {
  const std::string url = migrated_database();
  const auto end_others = [&] {
    sql(url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
  };
  ChangeLog log(url, "test", false);
  const Checkpoint checkpoint = log.checkpoint();
  end_others();
  BOOST_CHECK_THROW(log.page_after(checkpoint.place, 10, plenty, large), Unavailable);
  BOOST_CHECK_THROW(log.page_after(checkpoint.place, 10, plenty, large), Unavailable);
  BOOST_CHECK_THROW(log.touch(), Unavailable);
  ChangeLog waiting(url, "test", false);
  waiting.listen("fraiseql_events");
  end_others();
  BOOST_CHECK_THROW(waiting.wait(20s), Unavailable);
}

BOOST_AUTO_TEST_CASE(what_the_server_refuses_is_unavailable_with_its_words) {
  const std::string url = migrated_database();
  Reader reader(url);
  reader.drain();
  sql(url, "ALTER TABLE core.tb_entity_change_log DROP COLUMN object_data_before");
  sql(url, one("a", 1));
  try {
    reader.drain();
    BOOST_ERROR("a dropped column went unnoticed");
  } catch (const Unavailable& e) {
    BOOST_TEST(std::string(e.what()).find("object_data_before") != std::string::npos, e.what());
  }
}

BOOST_AUTO_TEST_CASE(a_schema_that_does_not_fit_is_refused_with_what_to_do) {
  const auto refusal = [](const std::string& url) -> std::string {
    try {
      ChangeLog(url, "test", false);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "none";
  };
  const std::string empty = postgres_server().create_database();
  BOOST_TEST(refusal(empty).find("run: fraiseql migrate") != std::string::npos);
  const std::string url = migrated_database();
  BOOST_TEST(refusal(url) == "none");
  sql(url, "ALTER SEQUENCE core.tb_entity_change_log_pk_entity_change_log_seq CACHE 20");
  BOOST_TEST(refusal(url).find("CACHE 1") != std::string::npos);
  sql(url,
      "ALTER SEQUENCE core.tb_entity_change_log_pk_entity_change_log_seq CACHE 1; CREATE TABLE core.child () INHERITS "
      "(core.tb_entity_change_log)");
  BOOST_TEST(refusal(url).find("unpartitioned") != std::string::npos);
  sql(url, "DROP TABLE core.child; ALTER TABLE core.tb_transport_checkpoint DROP COLUMN epoch");
  BOOST_TEST(refusal(url).find("run: fraiseql migrate") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(rows_hidden_by_row_security_are_an_error_and_not_silence) {
  const std::string url = migrated_database();
  const std::string role = unique("reader");
  sql(url, one("a", 1) + "; CREATE ROLE " + role + " LOGIN; GRANT USAGE ON SCHEMA core TO " + role +
               "; GRANT ALL ON ALL TABLES IN SCHEMA core TO " + role +
               "; ALTER TABLE core.tb_entity_change_log ENABLE ROW LEVEL SECURITY");
  std::string as_role = url;
  as_role.replace(as_role.find("postgres@"), 9, role + "@");
  ChangeLog log(as_role, "test", false);
  BOOST_CHECK_THROW(log.page_after(log.checkpoint().place, 10, plenty, large), Unavailable);
}

BOOST_AUTO_TEST_CASE(what_waits_is_estimated) {
  const std::string url = migrated_database();
  ChangeLog log(url, "test", false);
  BOOST_TEST(log.waiting_after(0).events == 0);
  sql(url,
      "INSERT INTO core.tb_entity_change_log (object_type, modification_type, created_at) SELECT 'a', 'INSERT', now() - interval "
      "'100 s' FROM generate_series(1, 7)");
  const Waiting waiting = log.waiting_after(2);
  BOOST_TEST(waiting.events == 5);
  BOOST_TEST((waiting.seconds >= 100 && waiting.seconds < 200));
  BOOST_TEST(log.waiting_after(7).events == 0);
  sql(url,
      "INSERT INTO core.tb_entity_change_log (object_type, modification_type, created_at) VALUES ('a', 'INSERT', 'infinity')");
  BOOST_TEST(log.waiting_after(7).events == 1);
}

namespace {

/// Buffers that a prepared statement touches when it runs, as EXPLAIN counts them.
int buffers(Postgres& postgres, const std::string& execute) {
  const Rows plan = postgres.exec("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE " + execute);
  const std::string text(plan.text(0, 0));
  const auto number_after = [&](const std::string& name) { return std::stoi(text.substr(text.find(name) + name.size())); };
  return number_after("\"Shared Hit Blocks\": ") + number_after("\"Shared Read Blocks\": ");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_page_costs_its_own_rows_whatever_waits_behind_it_or_went_by) {
  const std::string url = migrated_database();
  const auto rows = [](const std::string& entity, int count) {
    return insert + "SELECT '" + entity + "', 'INSERT', jsonb_build_object('n', g) FROM generate_series(1, " +
           std::to_string(count) + ") g";
  };
  Postgres straggler = session(url), open = session(url), writer = session(url);
  straggler.exec("BEGIN");
  straggler.exec(rows("straggler", 60));
  const std::string straggler_xid(straggler.exec("SELECT pg_current_xact_id()").text(0, 0));
  writer.exec(rows("before", 1'000'000));
  const std::string s1(writer.exec("SELECT pg_current_snapshot()").text(0, 0));
  writer.exec(rows("after", 1000));
  open.exec("BEGIN");
  open.exec(rows("open", 100'000));  // not committed, behind all the others
  straggler.exec("COMMIT");
  writer.exec("VACUUM ANALYZE core.tb_entity_change_log");
  const std::string s2(writer.exec("SELECT pg_current_snapshot()").text(0, 0));

  Postgres postgres = session(url);
  postgres.exec(reading_sql::session);
  postgres.exec(std::string("PREPARE next_window (pg_snapshot, pg_snapshot) AS ") + reading_sql::next_window);
  postgres.exec("PREPARE page (bigint, bigint, pg_snapshot, pg_snapshot, int, int) AS " + reading_sql::page());
  postgres.exec("PREPARE with_stragglers (bigint, bigint, pg_snapshot, pg_snapshot, int, int, xid8[], bigint) AS " +
                reading_sql::page_with_stragglers());
  const Rows window = postgres.exec("EXECUTE next_window ('" + s1 + "', NULL)");
  const std::string floor(window.text(0, 1)), ceiling(window.text(0, 2));
  BOOST_TEST(floor == "1000061");
  BOOST_TEST(ceiling == "1001060");
  BOOST_TEST(window.text(0, 3) == "{" + straggler_xid + "}");

  const std::string snapshots = "'" + s2 + "', '" + s1 + "', 100, 80000";
  BOOST_TEST(buffers(postgres, "page (0, " + ceiling + ", '" + s2 + "', '1:1:', 100, 80000)") < 40);
  BOOST_TEST(buffers(postgres, "page (1000060, " + ceiling + ", " + snapshots + ")") < 40);
  // The last page of a window does not look at what is uncommitted behind it.
  BOOST_TEST(buffers(postgres, "page (1001050, " + ceiling + ", " + snapshots + ")") < 40);
  // A probe per row more: about five buffers a row, out of a table of 20,000.
  BOOST_TEST(buffers(postgres,
                     "with_stragglers (-1, " + ceiling + ", " + snapshots + ", '{" + straggler_xid + "}', " + floor + ")") < 600);  // 19,000 when the planner walks the primary key

  Reader reader(url, true);
  reader.place = Place{s1, "", 0};
  BOOST_TEST(reader.drain() == 1060);
  BOOST_TEST(std::is_sorted(reader.pks.begin(), reader.pks.end()));
}
