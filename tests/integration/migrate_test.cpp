// servers: none
#define BOOST_TEST_MODULE migrate
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "common/change_log.hpp"
#include "common/errors.hpp"
#include "tests/support/programs.hpp"
#include "tests/support/servers.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

Child::Options environment(const std::string& url) {
  Child::Options options;
  if (!url.empty()) options.environment["DATABASE_URL"] = url;
  options.directory = "/";
  return options;
}

Finished migrate(const std::string& url, std::vector<std::string> more = {}) {
  std::vector<std::string> command = {FRAISEQL_COMMAND, "migrate"};
  command.insert(command.end(), more.begin(), more.end());
  return run(command, environment(url));
}

/// What an existing FraiseQL app has: its table without our columns, its row-level trigger, its view.
std::string fraiseql_database() {
  const std::string url = postgres_server().create_database();
  sql(url, R"(
    CREATE SCHEMA core;
    CREATE SEQUENCE core.seq_entity_change_log;
    CREATE TABLE core.tb_entity_change_log (
      pk_entity_change_log BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, object_type TEXT NOT NULL, modification_type TEXT NOT NULL,
      id UUID NOT NULL DEFAULT gen_random_uuid(), created_at TIMESTAMPTZ NOT NULL DEFAULT now(), tenant_id UUID, fk_customer_org BIGINT,
      fk_contact BIGINT, object_id UUID, object_data JSONB, updated_fields TEXT[], cascade JSONB, duration_ms INTEGER, started_at TIMESTAMPTZ,
      commit_time TIMESTAMPTZ, seq BIGINT DEFAULT nextval('core.seq_entity_change_log'), actor_type TEXT, acting_for UUID, schema_version TEXT,
      trace_id TEXT, trace_context JSONB, change_status TEXT, extra_metadata JSONB, nats_published_at TIMESTAMPTZ, nats_event_id UUID);
    CREATE TABLE core.tb_transport_checkpoint (transport_name TEXT PRIMARY KEY, last_pk BIGINT NOT NULL, updated_at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE FUNCTION core.notify_entity_change() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_notify('fraiseql_events', NEW.id::text); RETURN NEW; END $$;
    CREATE TRIGGER trigger_entity_change_notify AFTER INSERT ON core.tb_entity_change_log FOR EACH ROW EXECUTE FUNCTION core.notify_entity_change();
    CREATE VIEW core.vw_nats_publication_status AS
      SELECT c.transport_name, c.last_pk AS checkpoint_cursor, c.updated_at AS checkpoint_updated_at,
        (SELECT max(pk_entity_change_log) FROM core.tb_entity_change_log) AS max_pk,
        (SELECT count(*) FROM core.tb_entity_change_log l WHERE l.pk_entity_change_log > c.last_pk) AS lag_count,
        (SELECT count(*) FROM core.tb_entity_change_log l WHERE l.nats_published_at IS NULL) AS unpublished_count
      FROM core.tb_transport_checkpoint c;
    INSERT INTO core.tb_transport_checkpoint (transport_name, last_pk) VALUES ('pg_to_nats', 4);)");
  return url;
}

const std::string insert = "INSERT INTO core.tb_entity_change_log (object_type, modification_type) VALUES ('Order', 'INSERT')";

/// Everything that a catalog tells of our schema, to compare two runs.
std::string shape(const std::string& url) {
  return sql(url, R"(
    SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
      WHERE attrelid::regclass::text LIKE 'core.%' AND attnum > 0 ORDER BY 1, 2;
    SELECT tgname, tgtype, tgenabled, tgargs, oid FROM pg_trigger WHERE tgrelid = 'core.tb_entity_change_log'::regclass ORDER BY 1;
    SELECT indexrelid::regclass, indexrelid, indisvalid FROM pg_index WHERE indrelid::regclass::text LIKE 'core.%' ORDER BY 1;
    SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'core.tb_entity_change_log'::regclass ORDER BY 1;)");
}

/// Inserts row after row in its own thread and remembers the longest wait.
struct Writer {
  std::atomic<bool> stop{false};
  std::atomic<int> rows{0};
  std::chrono::milliseconds longest{0};
  std::thread thread;

  explicit Writer(const std::string& url)
      : thread([this, url] {
          Postgres::Options patient;
          patient.lock_timeout = 0ms;
          Postgres postgres(url, patient);
          while (!stop) {
            const auto began = std::chrono::steady_clock::now();
            postgres.exec(insert);
            longest = std::max(longest, std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began));
            ++rows;
          }
        }) {}
  ~Writer() { end(); }
  void end() {
    stop = true;
    if (thread.joinable()) thread.join();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(an_empty_database_gets_the_schema_and_a_second_run_changes_nothing) {
  const std::string url = postgres_server().create_database();
  const Finished first = migrate(url);
  BOOST_TEST(first.status == 0, first.err);
  BOOST_TEST(sql(url, insert + " RETURNING xact_id = pg_current_xact_id(), seq, id IS NOT NULL, created_at IS NOT NULL") ==
             "t|1|t|t");
  const std::string before = shape(url);
  BOOST_TEST(before.find("xact_id|xid8|t") != std::string::npos, before);
  BOOST_TEST(before.find("tb_entity_change_log_actor_type_check|f") != std::string::npos, before);
  BOOST_TEST(migrate(url).status == 0);
  BOOST_TEST(shape(url) == before);
  ChangeLog(url, "test", false);
}

BOOST_AUTO_TEST_CASE(a_second_run_makes_nobody_wait_who_holds_the_table) {
  const std::string url = migrated_database();
  Postgres reader(url, {});
  reader.exec("BEGIN");
  reader.exec(insert);
  const Finished again = migrate(url);
  BOOST_TEST(again.status == 0, again.err);
  BOOST_TEST(again.err == "");
}

BOOST_AUTO_TEST_CASE(a_database_of_a_running_app_with_a_million_rows_is_migrated_and_no_writer_waits_for_two_seconds) {
  const std::string url = fraiseql_database();
  sql(url,
      "ALTER TABLE core.tb_entity_change_log DISABLE TRIGGER trigger_entity_change_notify; "
      "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, actor_type, object_data) "
      "SELECT 'Order', 'INSERT', gen_random_uuid(), 'of old', jsonb_build_object('n', g, 'status', 'open') FROM "
      "generate_series(1, 1000000) g; "
      "ALTER TABLE core.tb_entity_change_log ENABLE TRIGGER trigger_entity_change_notify");
  Writer first(url), second(url), third(url);
  // One that stays open: the migration must give way to the others again and again.
  Postgres slow(url, {});
  slow.exec("BEGIN");
  slow.exec(insert);
  Child migration({FRAISEQL_COMMAND, "migrate"}, environment(url));
  BOOST_TEST(eventually([&] { return migration.err().find("tries again") != std::string::npos; }));
  const int rows = first.rows;
  BOOST_TEST(eventually([&] { return first.rows > rows + 10; }));
  slow.exec("COMMIT");
  BOOST_TEST(migration.wait(300s) == 0, migration.err());
  for (Writer* writer : {&first, &second, &third}) {
    writer->end();
    BOOST_TEST(writer->longest.count() < 2000);
    BOOST_TEST_MESSAGE("longest wait of a writer: " << writer->longest.count() << " ms in " << writer->rows << " inserts");
  }
  const int inserted = first.rows + second.rows + third.rows + 1;
  BOOST_TEST(sql(url, "SELECT count(*) FROM core.tb_entity_change_log") == std::to_string(1'000'000 + inserted));
  // Rows that were there have the migration's own transaction id; the row of the older bridge goes on where it was.
  ChangeLog log(url, "pg_to_nats", false);
  Place place = log.checkpoint().place;
  BOOST_TEST(place.last_pk == 4);
  std::int64_t read = 0;
  while (true) {
    const Page page = log.page_after(place, 10'000, 64 << 20, 1 << 20);
    read += static_cast<std::int64_t>(page.rows.size());
    place = page.next;
    if (page.rows.empty() && page.window_done) break;
  }
  BOOST_TEST(read == 1'000'000 + inserted - 4);
  // The view keeps its six columns, so that FraiseQL's migration can still replace it.
  BOOST_TEST(sql(url,
                 "SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ',' ORDER BY attnum) FROM pg_attribute "
                 "WHERE attrelid = 'core.vw_nats_publication_status'::regclass AND attnum > 0") ==
             "transport_name text,checkpoint_cursor bigint,checkpoint_updated_at timestamp with time zone,max_pk "
             "bigint,lag_count bigint,"
             "unpublished_count bigint");
  BOOST_TEST(sql(url, "SELECT transport_name, checkpoint_cursor, lag_count > 1000000 FROM core.vw_nats_publication_status") ==
             "pg_to_nats|4|t");
  // tgtype 4: AFTER INSERT FOR EACH STATEMENT
  BOOST_TEST(sql(url, "SELECT tgtype FROM pg_trigger WHERE tgname = 'trigger_entity_change_notify'") == "4");
  BOOST_TEST(migrate(url).status == 0);
}

BOOST_AUTO_TEST_CASE(two_migrations_at_once_take_turns) {
  const std::string url = postgres_server().create_database();
  Child first({FRAISEQL_COMMAND, "migrate"}, environment(url)), second({FRAISEQL_COMMAND, "migrate"}, environment(url));
  BOOST_TEST(first.wait() == 0, first.err());
  BOOST_TEST(second.wait() == 0, second.err());
  ChangeLog(url, "test", false);
}

BOOST_AUTO_TEST_CASE(an_index_whose_build_was_cut_short_is_built_anew) {
  const std::string url = migrated_database();
  sql(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'core.tb_entity_change_log_xact_id_idx'::regclass");
  BOOST_CHECK_THROW(ChangeLog(url, "test", false), ConfigError);
  BOOST_TEST(migrate(url).status == 0);
  ChangeLog(url, "test", false);
}

BOOST_AUTO_TEST_CASE(no_notify_takes_the_trigger_away_and_a_run_without_it_brings_it_back) {
  const std::string url = migrated_database();
  const std::string triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'trigger_entity_change_notify'";
  BOOST_TEST(sql(url, triggers) == "1");
  BOOST_TEST(migrate(url, {"--no-notify"}).status == 0);
  BOOST_TEST(sql(url, triggers) == "0");
  ChangeLog(url, "test", false);
  BOOST_TEST(migrate(url).status == 0);
  BOOST_TEST(sql(url, triggers) == "1");
}

BOOST_AUTO_TEST_CASE(the_configured_channel_is_notified_once_per_statement_without_a_payload) {
  const std::string url = postgres_server().create_database();
  const TempDir directory;
  const auto file = directory.file("observer.toml", "[transport.bridge]\nnotify_channel = \"it's mine\"\n");
  const Finished done = migrate(url, {"--config", file.string()});
  BOOST_TEST(done.status == 0, done.err);
  const std::string said = sql(url,
                               "LISTEN \"it's mine\"; INSERT INTO core.tb_entity_change_log (object_type, modification_type) "
                               "SELECT 'Order', 'INSERT' FROM generate_series(1, 5)");
  BOOST_TEST(said.find("Asynchronous notification \"it's mine\" received from") == 0u, said);
  BOOST_TEST(said.find("notification", 20) == std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(what_print_prints_can_be_given_to_psql) {
  const std::string printed = postgres_server().create_database(), migrated = migrated_database();
  const Finished script = migrate("", {"--print"});
  BOOST_TEST(script.status == 0);
  sql(printed, script.out);
  BOOST_TEST(sql(printed, "SELECT count(*) FROM pg_attribute WHERE attrelid::regclass::text LIKE 'core.%'") ==
             sql(migrated, "SELECT count(*) FROM pg_attribute WHERE attrelid::regclass::text LIKE 'core.%'"));
  ChangeLog(printed, "test", false);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_migrated_is_refused_in_a_line) {
  const std::string url = postgres_server().create_database();
  sql(url,
      "CREATE SCHEMA core; CREATE TABLE core.tb_entity_change_log (pk_entity_change_log bigint) PARTITION BY RANGE "
      "(pk_entity_change_log)");
  Finished refused = migrate(url);
  BOOST_TEST(refused.status == 78);
  BOOST_TEST(refused.err.find("unpartitioned") != std::string::npos, refused.err);
  refused = migrate("");
  BOOST_TEST(refused.status == 78);
  refused = migrate("postgresql://app:secret@[bad/app");
  BOOST_TEST(refused.status == 78);
  BOOST_TEST(refused.err.find("secret") == std::string::npos, refused.err);
  refused = migrate("postgresql://app:secret@127.0.0.1:" + std::to_string(free_port()) + "/app");
  BOOST_TEST(refused.status == 69);
  BOOST_TEST(refused.err.find("secret") == std::string::npos, refused.err);
  BOOST_TEST(migrate(url, {"--wrong"}).status == 64);
  BOOST_TEST(migrate(url, {"--help"}).status == 0);
}
