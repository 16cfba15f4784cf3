// servers: none
// fraiseql capture: what its triggers write for which statements, and what it says to whom.
#define BOOST_TEST_MODULE capture
#include <rapidjson/document.h>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "common/postgres.hpp"
#include "tests/support/programs.hpp"
#include "tests/support/servers.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

Child::Options environment(const std::string& url) {
  Child::Options options;
  if (!url.empty()) options.environment["DATABASE_URL"] = url;
  options.directory = "/";
  return options;
}

Finished capture(const std::string& url, Words words) {
  words.insert(words.begin(), {FRAISEQL_COMMAND, "capture"});
  return run(words, environment(url), 60s);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

/// A migrated database with a schema `shop`.
struct Shop {
  std::string url = migrated_database();
  Shop() { sql(url, "CREATE SCHEMA shop"); }

  Finished add(const std::string& table, Words more = {}) const {
    more.insert(more.begin(), {"add", table, "--entity", "Order"});
    return capture(url, more);
  }
  void must_add(const std::string& table, Words more = {}) const {
    const Finished added = add(table, std::move(more));
    BOOST_REQUIRE_MESSAGE(added.status == 0, added.err);
  }
  /// The table, and its capture.
  void orders(const std::string& columns, Words more = {}) const {
    sql(url, "CREATE TABLE shop.orders (" + columns + ")");
    must_add("shop.orders", std::move(more));
  }
  std::string run_sql(const std::string& statements) const { return sql(url, statements); }
  /// Of every change its verb, object_id, entity_key, data and earlier data, a line each; the log is emptied.
  std::string changes() const {
    const std::string read = sql(url,
                                 "SELECT modification_type, object_id, extra_metadata->'entity_key', object_data, object_data_before "
                                 "FROM core.tb_entity_change_log ORDER BY pk_entity_change_log");
    sql(url, "DELETE FROM core.tb_entity_change_log");
    return read;
  }
  /// For a table with the columns k and v: "INSERT 1 a, UPDATE 1 b" and so on.
  std::string brief() const {
    const std::string read = sql(url,
                                 "SELECT string_agg(concat_ws(' ', modification_type, extra_metadata->>'entity_key', object_data->>'v'), ', ' "
                                 "ORDER BY pk_entity_change_log) FROM core.tb_entity_change_log");
    sql(url, "DELETE FROM core.tb_entity_change_log");
    return read;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_uuid_goes_into_object_id_and_data_is_the_row, Shop) {
  orders("id uuid PRIMARY KEY, total numeric, tags text[]");
  const std::string id = "0e4f5a6c-9a2b-4c51-8d2f-3f6f0a7d1b11";
  run_sql("INSERT INTO shop.orders VALUES ('" + id + "', 100.00, '{a,b}'); UPDATE shop.orders SET total = 9007199254740993; DELETE FROM shop.orders");
  BOOST_TEST(run_sql("SELECT DISTINCT object_type, extra_metadata, xact_id IS NOT NULL, updated_fields IS NULL FROM core.tb_entity_change_log") ==
             "Order|{\"cdc_source\": \"fallback_trigger\"}|t|t");
  BOOST_TEST(changes() == "INSERT|" + id + "||{\"id\": \"" + id + "\", \"tags\": [\"a\", \"b\"], \"total\": 100.00}|\n" +  //
                              "UPDATE|" + id + "||{\"id\": \"" + id + "\", \"tags\": [\"a\", \"b\"], \"total\": 9007199254740993}|\n" +
                              "DELETE|" + id + "|||");
}

BOOST_FIXTURE_TEST_CASE(with_pre_image_update_and_delete_carry_the_row_before, Shop) {
  orders("k bigint PRIMARY KEY, v text", {"--pre-image"});
  run_sql("INSERT INTO shop.orders VALUES (1, 'a'), (2, 'b'), (3, 'c'); UPDATE shop.orders SET v = v || '!' WHERE k < 3; DELETE FROM shop.orders WHERE k = 2");
  BOOST_TEST(changes() ==
             "INSERT||\"1\"|{\"k\": 1, \"v\": \"a\"}|\nINSERT||\"2\"|{\"k\": 2, \"v\": \"b\"}|\nINSERT||\"3\"|{\"k\": 3, \"v\": \"c\"}|\n"
             "UPDATE||\"1\"|{\"k\": 1, \"v\": \"a!\"}|{\"k\": 1, \"v\": \"a\"}\nUPDATE||\"2\"|{\"k\": 2, \"v\": \"b!\"}|{\"k\": 2, \"v\": \"b\"}\n"
             "DELETE||\"2\"||{\"k\": 2, \"v\": \"b!\"}");
}

BOOST_FIXTURE_TEST_CASE(a_bulk_statement_is_one_insert_in_the_order_of_its_rows, Shop) {
  orders("k bigint PRIMARY KEY, v text");
  run_sql(
      "CREATE TABLE shop.statements (n int); CREATE FUNCTION shop.count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.statements "
      "SELECT count(*) FROM fresh; RETURN NULL; END $$; CREATE TRIGGER counting AFTER INSERT ON core.tb_entity_change_log REFERENCING NEW TABLE AS fresh "
      "FOR EACH STATEMENT EXECUTE FUNCTION shop.count()");
  run_sql("INSERT INTO shop.orders SELECT 20001 - i, 'x' FROM generate_series(1, 20000) i; UPDATE shop.orders SET v = 'y'; DELETE FROM shop.orders");
  BOOST_TEST(run_sql("SELECT n FROM shop.statements") == "20000\n20000\n20000");
  BOOST_TEST(run_sql("SELECT verb, count(*), count(*) FILTER (WHERE place = 20001 - key) FROM (SELECT modification_type AS verb, (extra_metadata->>'entity_key')::int AS key, "
                     "row_number() OVER (PARTITION BY modification_type ORDER BY pk_entity_change_log) AS place FROM core.tb_entity_change_log) AS l GROUP BY 1 ORDER BY 1") ==
             "DELETE|20000|20000\nINSERT|20000|20000\nUPDATE|20000|20000");
}

BOOST_FIXTURE_TEST_CASE(copy_upsert_merge_cascade_and_several_in_one_statement_are_captured, Shop) {
  orders("k bigint PRIMARY KEY, v text, parent bigint REFERENCES shop.orders ON DELETE CASCADE ON UPDATE SET NULL");
  run_sql("COPY shop.orders (k, v) FROM stdin;\n1\ta\n2\tb\n\\.\n");
  BOOST_TEST(brief() == "INSERT 1 a, INSERT 2 b");
  run_sql("INSERT INTO shop.orders VALUES (2, 'b2', NULL), (3, 'c', 1) ON CONFLICT (k) DO UPDATE SET v = excluded.v");
  BOOST_TEST(brief() == "UPDATE 2 b2, INSERT 3 c");
  run_sql("WITH gone AS (DELETE FROM shop.orders WHERE k = 2 RETURNING *) INSERT INTO shop.orders SELECT 4, v FROM gone");
  // Which of several triggers of one statement comes first is PostgreSQL's choice; the keys are others.
  std::string both = brief();
  BOOST_TEST((both == "DELETE 2, INSERT 4 b2" || both == "INSERT 4 b2, DELETE 2"), both);
  run_sql("DELETE FROM shop.orders WHERE k = 1");
  BOOST_TEST(brief() == "DELETE 1, DELETE 3");
  if (std::stoi(run_sql("SHOW server_version_num")) >= 150000) {
    run_sql("MERGE INTO shop.orders o USING (VALUES (4, 'd'), (5, 'e')) s(k, v) ON o.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN "
            "INSERT VALUES (s.k, s.v)");
    both = brief();
    BOOST_TEST((both == "INSERT 5 e, UPDATE 4 d" || both == "UPDATE 4 d, INSERT 5 e"), both);
  }
}

// Two foreign keys to one parent row: a statement then updates a child's row twice, and each change has its own earlier row.
BOOST_FIXTURE_TEST_CASE(a_row_that_one_statement_updates_twice_is_two_changes, Shop) {
  run_sql("CREATE TABLE shop.parents (a int UNIQUE, b int UNIQUE); INSERT INTO shop.parents VALUES (1, 1)");
  orders("k bigint PRIMARY KEY, a int REFERENCES shop.parents (a) ON UPDATE CASCADE, b int REFERENCES shop.parents (b) ON UPDATE CASCADE", {"--pre-image"});
  run_sql("INSERT INTO shop.orders VALUES (7, 1, 1); DELETE FROM core.tb_entity_change_log; UPDATE shop.parents SET a = 2, b = 3");
  BOOST_TEST(changes() ==
             "UPDATE||\"7\"|{\"a\": 2, \"b\": 1, \"k\": 7}|{\"a\": 1, \"b\": 1, \"k\": 7}\nUPDATE||\"7\"|{\"a\": 2, \"b\": 3, \"k\": 7}|{\"a\": 2, \"b\": 1, \"k\": 7}");
}

BOOST_FIXTURE_TEST_CASE(other_keys_are_text_and_composite_ones_an_array, Shop) {
  run_sql("CREATE TABLE shop.texts (k text PRIMARY KEY, v text); CREATE TABLE shop.pairs (v text, b text, a int, PRIMARY KEY (a, b) INCLUDE (v)); "
          "CREATE TABLE shop.uuids (a uuid, b uuid, v text, PRIMARY KEY (b, a)); CREATE DOMAIN shop.id AS uuid; CREATE TABLE shop.domains (id shop.id PRIMARY KEY)");
  for (const char* table : {"shop.texts", "shop.pairs", "shop.uuids", "shop.domains"}) must_add(table);
  run_sql("INSERT INTO shop.texts VALUES ('it''s \"q\"', 'x'); INSERT INTO shop.pairs VALUES ('x', 'b', 7); DELETE FROM shop.pairs; "
          "INSERT INTO shop.uuids VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'); "
          "INSERT INTO shop.domains VALUES ('00000000-0000-4000-8000-00000000000c')");
  BOOST_TEST(run_sql("SELECT object_id, extra_metadata->'entity_key' FROM core.tb_entity_change_log ORDER BY pk_entity_change_log") ==
             "|\"it's \\\"q\\\"\"\n|[7, \"b\"]\n|[7, \"b\"]\n"
             "|[\"00000000-0000-4000-8000-00000000000b\", \"00000000-0000-4000-8000-00000000000a\"]\n00000000-0000-4000-8000-00000000000c|");
}

// Names that the function uses itself.
BOOST_FIXTURE_TEST_CASE(columns_may_have_any_name, Shop) {
  orders("k int PRIMARY KEY, v text, r int, d int, s int, changed_rows int, old_rows int, place int, verb int, before int, after int, entity int, keys int, one int, tenant int",
         {"--pre-image"});
  run_sql("INSERT INTO shop.orders (k, v, r, d) VALUES (1, 'a', 2, 3); UPDATE shop.orders SET v = 'b'; DELETE FROM shop.orders");
  BOOST_TEST(run_sql("SELECT modification_type, extra_metadata->'entity_key', object_data->'v', object_data->'r', object_data_before->'v', object_data_before->'d' "
                     "FROM core.tb_entity_change_log ORDER BY pk_entity_change_log") == "INSERT|\"1\"|\"a\"|2||\nUPDATE|\"1\"|\"b\"|2|\"a\"|3\nDELETE|\"1\"|||\"b\"|3");
}

// A key is the same text whoever writes, else one entity would be two.
BOOST_FIXTURE_TEST_CASE(a_key_does_not_depend_on_the_settings_of_the_session, Shop) {
  orders("k timestamptz, r tstzrange, b bytea, f float8, PRIMARY KEY (k, r, b, f)");
  const std::string change = "UPDATE shop.orders SET k = k; ";
  run_sql("INSERT INTO shop.orders VALUES ('2024-01-15 10:30:00+00', '[2024-01-15 10:30:00+00,)', '\\xff', 0.1::float8 + 0.2); " + change +
          "SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET bytea_output = 'escape'; SET extra_float_digits = 0; " + change);
  BOOST_TEST(run_sql("SELECT DISTINCT extra_metadata->'entity_key'->>0, object_data FROM core.tb_entity_change_log").find('\n') == std::string::npos);
  BOOST_TEST(run_sql("SELECT DISTINCT extra_metadata->'entity_key'->>0 FROM core.tb_entity_change_log") == "2024-01-15T10:30:00+00:00");
}

BOOST_FIXTURE_TEST_CASE(a_changed_key_is_a_delete_and_an_insert, Shop) {
  orders("k bigint PRIMARY KEY, v text", {"--pre-image"});
  run_sql("INSERT INTO shop.orders VALUES (1, 'a'), (2, 'b'); DELETE FROM core.tb_entity_change_log; UPDATE shop.orders SET k = 10, v = 'a2' WHERE k = 1");
  BOOST_TEST(changes() == "DELETE||\"1\"||{\"k\": 1, \"v\": \"a\"}\nINSERT||\"10\"|{\"k\": 10, \"v\": \"a2\"}|");
  run_sql("UPDATE shop.orders SET k = CASE k WHEN 10 THEN 11 ELSE k END, v = 'z'");
  BOOST_TEST(changes() ==
             "UPDATE||\"2\"|{\"k\": 2, \"v\": \"z\"}|{\"k\": 2, \"v\": \"b\"}\nDELETE||\"10\"||{\"k\": 10, \"v\": \"a2\"}\nINSERT||\"11\"|{\"k\": 11, \"v\": \"z\"}|");
}

BOOST_FIXTURE_TEST_CASE(composite_and_uuid_keys_change_too, Shop) {
  run_sql("CREATE TABLE shop.pairs (a int, b int, v text, PRIMARY KEY (a, b)); CREATE TABLE shop.uuids (id uuid PRIMARY KEY, v text)");
  must_add("shop.pairs");
  must_add("shop.uuids");
  run_sql("INSERT INTO shop.pairs VALUES (1, 2, 'a'); UPDATE shop.pairs SET v = 'b'; UPDATE shop.pairs SET b = 3");
  BOOST_TEST(brief() == "INSERT [1, 2] a, UPDATE [1, 2] b, DELETE [1, 2], INSERT [1, 3] b");
  run_sql("INSERT INTO shop.uuids VALUES ('00000000-0000-4000-8000-000000000001', 'a'); UPDATE shop.uuids SET id = '00000000-0000-4000-8000-000000000002'");
  BOOST_TEST(run_sql("SELECT modification_type, right(object_id::text, 1), object_data->>'id' FROM core.tb_entity_change_log ORDER BY pk_entity_change_log") ==
             "INSERT|1|00000000-0000-4000-8000-000000000001\nDELETE|1|\nINSERT|2|00000000-0000-4000-8000-000000000002");
}

namespace {

/// The table as somebody would have it who applied the change log in its order; then as it is.
const std::string replayed = R"(
  SELECT string_agg(k || last, ',' ORDER BY k) FROM (
    SELECT DISTINCT ON (extra_metadata->>'entity_key') extra_metadata->>'entity_key' AS k, object_data->>'v' AS last, modification_type
    FROM core.tb_entity_change_log ORDER BY extra_metadata->>'entity_key', pk_entity_change_log DESC) AS latest WHERE modification_type <> 'DELETE';
  SELECT string_agg(k || v, ',' ORDER BY k::text) FROM shop.orders)";

}  // namespace

// Keys that move into each other's place: whoever applies the changes in their order must end up with the table.
BOOST_DATA_TEST_CASE_F(Shop, keys_that_move_up_by_one_leave_what_the_table_holds, boost::unit_test::data::make({"DEFERRABLE", "NOT DEFERRABLE"}), kind) {
  orders("k int PRIMARY KEY " + std::string(kind) + ", v text", {"--pre-image"});
  const bool at_once = std::string(kind) == "NOT DEFERRABLE";
  // Checked row by row, the move works from the highest key down: the table's order.
  run_sql(std::string("INSERT INTO shop.orders SELECT i, chr(96 + i) FROM generate_series(1, 5) i ORDER BY ") + (at_once ? "-i" : "i") +
          "; UPDATE shop.orders SET k = k + 1");
  const std::string both = run_sql(replayed);
  BOOST_TEST(both == "2a,3b,4c,5d,6e\n2a,3b,4c,5d,6e");
}

BOOST_FIXTURE_TEST_CASE(a_partitioned_table_is_captured_by_any_name_and_once, Shop) {
  run_sql(
      "CREATE TABLE shop.orders (k int, region text, v text, PRIMARY KEY (region, k)) PARTITION BY LIST (region); "
      "CREATE TABLE shop.north PARTITION OF shop.orders FOR VALUES IN ('n'); CREATE TABLE shop.south (v text, k int NOT NULL, region text NOT NULL); "
      "ALTER TABLE shop.orders ATTACH PARTITION shop.south FOR VALUES IN ('s')");
  must_add("shop.orders");
  run_sql("INSERT INTO shop.orders VALUES (1, 'n', 'a'), (2, 's', 'b'); INSERT INTO shop.south (k, region, v) VALUES (3, 's', 'c'); UPDATE shop.south SET v = v || '!'");
  BOOST_TEST(brief() == "INSERT [\"n\", 1] a, INSERT [\"s\", 2] b, INSERT [\"s\", 3] c, UPDATE [\"s\", 2] b!, UPDATE [\"s\", 3] c!");
  run_sql("UPDATE shop.orders SET region = 's' WHERE k = 1; DELETE FROM shop.north; DELETE FROM shop.orders WHERE k = 3");
  BOOST_TEST(brief() == "DELETE [\"n\", 1], INSERT [\"s\", 1] a, DELETE [\"s\", 3]");

  // A partition that is made later.
  run_sql("CREATE TABLE shop.east PARTITION OF shop.orders FOR VALUES IN ('e')");
  Finished list = capture(url, {"list"});
  BOOST_TEST(list.status == 1);
  BOOST_TEST(has(list.out, "statements that name these partitions are not captured: shop.east; run: fraiseql capture add shop.orders --entity Order"), list.out);
  run_sql("INSERT INTO shop.orders VALUES (4, 'e', 'd')");
  BOOST_TEST(brief() == "INSERT [\"e\", 4] d");
  const Finished again = add("shop.orders");
  BOOST_TEST(again.status == 0, again.err);
  BOOST_TEST(has(again.out, "3 partitions, of which 1 are new"), again.out);
  run_sql("INSERT INTO shop.east VALUES (5, 'e', 'e')");
  BOOST_TEST(brief() == "INSERT [\"e\", 5] e");
  list = capture(url, {"list"});
  BOOST_TEST(list.status == 0, list.out);
  BOOST_TEST(list.out == "shop.orders  Order, without pre-images; key (region, k) in entity_key; 3 partitions\n");
  const Finished part = add("shop.east");
  BOOST_TEST(part.status == 1);
  BOOST_TEST(has(part.err, "shop.east is a partition, and statements that name shop.orders would not be captured"), part.err);
  BOOST_TEST(has(capture(url, {"remove", "shop.east"}).err, "run: fraiseql capture remove shop.orders"));
  BOOST_TEST(capture(url, {"remove", "shop.orders"}).status == 0);
  run_sql("INSERT INTO shop.east VALUES (6, 'e', 'f'); DELETE FROM shop.orders");
  BOOST_TEST(brief() == "");
}

// Of a row that moves to another partition, where a trigger stops it, there is an old one and no new one.
BOOST_FIXTURE_TEST_CASE(a_row_that_is_lost_between_two_partitions_confuses_no_other, Shop) {
  run_sql(
      "CREATE TABLE shop.orders (k int PRIMARY KEY, v text) PARTITION BY RANGE (k); CREATE TABLE shop.low PARTITION OF shop.orders FOR VALUES FROM (0) TO (100); "
      "CREATE TABLE shop.high PARTITION OF shop.orders FOR VALUES FROM (100) TO (200); CREATE FUNCTION shop.stop() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN RETURN NULL; END'; INSERT INTO shop.orders SELECT i, chr(96 + i) FROM generate_series(1, 5) i; "
      "CREATE TRIGGER stop BEFORE INSERT ON shop.high FOR EACH ROW EXECUTE FUNCTION shop.stop()");
  must_add("shop.orders");
  run_sql("UPDATE shop.orders SET k = CASE WHEN k = 2 THEN 102 ELSE k END, v = v || '!'");
  const std::string both = run_sql(replayed);
  BOOST_TEST(both == "1a!,3c!,4d!,5e!\n1a!,3c!,4d!,5e!");
}

BOOST_FIXTURE_TEST_CASE(a_writer_needs_rights_on_its_table_only, Shop) {
  orders("k bigint PRIMARY KEY, v text", {"--pre-image"});
  run_sql("DROP ROLE IF EXISTS capture_writer; CREATE ROLE capture_writer; GRANT USAGE ON SCHEMA shop TO capture_writer; "
          "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO capture_writer; REVOKE ALL ON SCHEMA core FROM PUBLIC");
  run_sql("SET ROLE capture_writer; INSERT INTO shop.orders VALUES (1, 'a'); UPDATE shop.orders SET v = 'b'; DELETE FROM shop.orders");
  BOOST_TEST(brief() == "INSERT 1 a, UPDATE 1 b, DELETE 1");
  // Nor does it lend its rights: not to a trigger of one's own, not to what the caller's search_path holds.
  run_sql("GRANT CREATE ON SCHEMA shop TO capture_writer; GRANT USAGE ON SCHEMA core TO capture_writer");
  try {
    run_sql("SET ROLE capture_writer; CREATE TABLE shop.own (k int PRIMARY KEY); CREATE TRIGGER forge AFTER INSERT ON shop.own REFERENCING NEW TABLE AS changed_rows "
            "FOR EACH STATEMENT EXECUTE FUNCTION core.fn_capture_change('Payment')");
    BOOST_ERROR("anybody may write into the change log");
  } catch (const std::runtime_error& e) {
    BOOST_TEST(has(e.what(), "permission denied for function"), e.what());
  }
  run_sql("SET ROLE capture_writer; CREATE FUNCTION shop.to_jsonb(shop.orders) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(current_user) $$; "
          "SET search_path = shop, pg_catalog; CREATE TEMP TABLE pg_index (indrelid oid); INSERT INTO shop.orders VALUES (2, 'c')");
  BOOST_TEST(changes() == "INSERT||\"2\"|{\"k\": 2, \"v\": \"c\"}|");
}

BOOST_FIXTURE_TEST_CASE(what_fraiseql_writes_itself_is_not_doubled, Shop) {
  orders("k bigint PRIMARY KEY, v text");
  run_sql("BEGIN; SET LOCAL fraiseql.cdc_mediated = 'on'; INSERT INTO shop.orders VALUES (1, 'a'); UPDATE shop.orders SET k = 2; DELETE FROM shop.orders; COMMIT; "
          "INSERT INTO shop.orders VALUES (3, 'b'); SET fraiseql.cdc_mediated = 'off'; UPDATE shop.orders SET v = 'c'");
  BOOST_TEST(brief() == "INSERT 3 b, UPDATE 3 c");
}

BOOST_FIXTURE_TEST_CASE(the_tenant_comes_from_its_column_or_from_the_setting, Shop) {
  run_sql("CREATE TABLE shop.column (id int PRIMARY KEY, tenant_id uuid); CREATE TABLE shop.number (id int PRIMARY KEY, tenant_id bigint)");
  orders("id int PRIMARY KEY");
  must_add("shop.column");
  must_add("shop.number");
  const std::string one = "00000000-0000-4000-8000-000000000001", two = "00000000-0000-4000-8000-000000000002";
  run_sql("SET fraiseql.tenant_id = '" + two + "'; INSERT INTO shop.column VALUES (1, '" + one + "'), (2, NULL); UPDATE shop.column SET tenant_id = '" + two +
          "' WHERE id = 1; DELETE FROM shop.column WHERE id = 1; INSERT INTO shop.orders VALUES (3); INSERT INTO shop.number VALUES (4, 7); "
          "SET fraiseql.tenant_id = 'nobody'; INSERT INTO shop.orders VALUES (5); SET fraiseql.tenant_id = ''; INSERT INTO shop.orders VALUES (6)");
  BOOST_TEST(run_sql("SELECT right(tenant_id::text, 1) FROM core.tb_entity_change_log ORDER BY pk_entity_change_log") == "1\n2\n2\n2\n2");
  BOOST_TEST(run_sql("SELECT count(*) FROM core.tb_entity_change_log WHERE tenant_id IS NULL") == "3");
}

BOOST_FIXTURE_TEST_CASE(truncate_and_replicas_are_not_captured_and_add_says_so, Shop) {
  run_sql("CREATE TABLE shop.orders (k bigint PRIMARY KEY, v text); INSERT INTO shop.orders VALUES (1, 'old')");
  const Finished added = add("shop.orders");
  BOOST_TEST(added.out ==
             "shop.orders is captured from now on as Order, without pre-images; its key (k) goes into extra_metadata.entity_key\n"
             "not captured: rows that are there already; TRUNCATE; what a session with session_replication_role = replica writes, as\n"
             "  logical replication does\n");
  run_sql("TRUNCATE shop.orders; SET session_replication_role = replica; INSERT INTO shop.orders VALUES (2, 'b')");
  BOOST_TEST(brief() == "");
  BOOST_TEST(capture(url, {"remove", "shop.orders"}).status == 0);
  const Finished json = add("shop.orders", {"--pre-image", "--format", "json"});
  BOOST_TEST(json.out ==
             "{\"table\":\"shop.orders\",\"entity\":\"Order\",\"key\":[\"k\"],\"key_in\":\"entity_key\",\"pre_image\":true,\"partitions\":0,"
             "\"not_captured\":[\"TRUNCATE\",\"session_replication_role = replica\"],\"notes\":[]}\n");
}

BOOST_FIXTURE_TEST_CASE(a_statement_that_changes_nothing_writes_and_notifies_nothing, Shop) {
  orders("k bigint PRIMARY KEY, v text");
  const std::string said = run_sql(
      "LISTEN fraiseql_events; BEGIN; UPDATE shop.orders SET v = 'x'; DELETE FROM shop.orders; INSERT INTO shop.orders SELECT 1 WHERE false; "
      "SELECT pg_current_xact_id_if_assigned(); COMMIT; SELECT 1");
  BOOST_TEST(said == "\n1");
  BOOST_TEST(has(run_sql("LISTEN fraiseql_events; INSERT INTO shop.orders VALUES (1)"), "Asynchronous notification"));
}

BOOST_FIXTURE_TEST_CASE(names_that_need_quoting, Shop) {
  run_sql("CREATE SCHEMA \"My Shop\"; CREATE TABLE \"My Shop\".\"Order.Lines \"\"x\"\"\" (\"Weird \"\"key\"\"'s\" int PRIMARY KEY, v text)");
  const std::string name = "\"My Shop\".\"Order.Lines \"\"x\"\"\"";
  const Finished added = capture(url, {"add", name, "--entity", "It's \\ an \"Ordér\"", "--pre-image", "--format", "json"});
  BOOST_TEST(added.status == 0, added.err);
  run_sql("INSERT INTO " + name + " VALUES (1, 'a'); UPDATE " + name + " SET v = 'b'; UPDATE " + name + " SET \"Weird \"\"key\"\"'s\" = 2");
  BOOST_TEST(run_sql("SELECT DISTINCT object_type FROM core.tb_entity_change_log") == "It's \\ an \"Ordér\"");
  BOOST_TEST(brief() == "INSERT 1 a, UPDATE 1 b, DELETE 1, INSERT 2 b");
  rapidjson::Document list;
  list.Parse(capture(url, {"list", "--format", "json"}).out.c_str());
  BOOST_REQUIRE(!list.HasParseError());
  BOOST_REQUIRE(list["tables"].Size() == 1u);
  const auto& one = list["tables"][0];
  BOOST_TEST(one["table"].GetString() == name);
  BOOST_TEST(one["entity"].GetString() == "It's \\ an \"Ordér\"");
  BOOST_TEST(one["key"][0].GetString() == "Weird \"key\"'s");
  BOOST_TEST(one["pre_image"].GetBool());
  BOOST_TEST(one["problems"].Size() == 0u);
  BOOST_TEST(capture(url, {"remove", name}).status == 0);
  BOOST_TEST(capture(url, {"list"}).out == "no table is captured\n");
  BOOST_TEST(capture(url, {"list", "--format", "json"}).out == "{\"tables\":[]}\n");
}

// One session all along, for its plans are kept.
BOOST_FIXTURE_TEST_CASE(a_table_that_is_altered_goes_on_being_captured, Shop) {
  orders("k bigint PRIMARY KEY, v text", {"--pre-image"});
  Postgres writer(url, {});
  const auto write = [&](const std::string& key) {
    for (int i = 0; i < 3; ++i) writer.exec("INSERT INTO shop.orders (" + key + ", v) VALUES (1, 'a'); UPDATE shop.orders SET v = 'b'; DELETE FROM shop.orders");
    const std::string all = sql(url, "SELECT DISTINCT modification_type, extra_metadata->'entity_key', object_data, object_data_before FROM core.tb_entity_change_log ORDER BY 1");
    sql(url, "DELETE FROM core.tb_entity_change_log");
    return all;
  };
  BOOST_TEST(write("k") == "DELETE|\"1\"||{\"k\": 1, \"v\": \"b\"}\nINSERT|\"1\"|{\"k\": 1, \"v\": \"a\"}|\nUPDATE|\"1\"|{\"k\": 1, \"v\": \"b\"}|{\"k\": 1, \"v\": \"a\"}");
  run_sql("ALTER TABLE shop.orders ADD COLUMN n int DEFAULT 5");
  BOOST_TEST(has(write("k"), "INSERT|\"1\"|{\"k\": 1, \"n\": 5, \"v\": \"a\"}|"));
  run_sql("ALTER TABLE shop.orders DROP COLUMN n; ALTER TABLE shop.orders RENAME COLUMN k TO id");
  BOOST_TEST(write("id") == "DELETE|\"1\"||{\"v\": \"b\", \"id\": 1}\nINSERT|\"1\"|{\"v\": \"a\", \"id\": 1}|\nUPDATE|\"1\"|{\"v\": \"b\", \"id\": 1}|{\"v\": \"a\", \"id\": 1}");
  run_sql("ALTER TABLE shop.orders RENAME TO bills; ALTER TABLE shop.bills RENAME TO orders; ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (v, id)");
  BOOST_TEST(has(write("id"), "DELETE|[\"a\", 1]"));
  run_sql("ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey");
  BOOST_TEST(write("id") == "DELETE|||{\"v\": \"b\", \"id\": 1}\nINSERT||{\"v\": \"a\", \"id\": 1}|\nUPDATE||{\"v\": \"b\", \"id\": 1}|{\"v\": \"a\", \"id\": 1}");
  const Finished list = capture(url, {"list"});
  BOOST_TEST(list.status == 1);
  BOOST_TEST(has(list.out, "problem: it has no primary key any more"), list.out);
}

// A plan for one row is kept and must do for many: as a nested loop this would take minutes.
BOOST_FIXTURE_TEST_CASE(after_statements_of_one_row_a_large_one_is_no_slower, Shop) {
  orders("k bigint PRIMARY KEY, v text", {"--pre-image"});
  Postgres::Options limits;
  limits.statement_timeout = 60s;
  Postgres writer(url, limits);
  writer.exec("INSERT INTO shop.orders SELECT i, 'a' FROM generate_series(1, 80000) i");
  for (int i = 1; i < 10; ++i) writer.exec("UPDATE shop.orders SET v = 'b' WHERE k = " + std::to_string(i));
  writer.exec("UPDATE shop.orders SET v = 'c'");
  BOOST_TEST(run_sql("SELECT count(*) FROM core.tb_entity_change_log WHERE modification_type = 'UPDATE' AND object_data->'k' = object_data_before->'k'") == "80009");
}

BOOST_FIXTURE_TEST_CASE(writers_do_not_queue_behind_an_add_that_waits, Shop) {
  run_sql("CREATE TABLE shop.orders (k bigint PRIMARY KEY, v text)");
  Postgres open(url, {});
  open.exec("BEGIN; INSERT INTO shop.orders VALUES (1, 'before')");
  Child adding({FRAISEQL_COMMAND, "capture", "add", "shop.orders", "--entity", "Order"}, environment(url));
  BOOST_REQUIRE(eventually([&] { return said(adding, "capture: shop.orders is locked by another transaction; tries again in"); }));
  Postgres::Options impatient;
  impatient.lock_timeout = 2s;  // an add waits for half a second and then lets others pass
  Postgres other(url, impatient);
  other.exec("INSERT INTO shop.orders VALUES (2, 'meanwhile')");
  open.exec("COMMIT");
  BOOST_TEST(adding.wait() == 0, adding.err());
  other.exec("INSERT INTO shop.orders VALUES (3, 'after')");
  BOOST_TEST(brief() == "INSERT 3 after");
  // The same of remove.
  open.exec("BEGIN; INSERT INTO shop.orders VALUES (4, 'x')");
  Child removing({FRAISEQL_COMMAND, "capture", "remove", "shop.orders", "--format", "json"}, environment(url));
  BOOST_REQUIRE(eventually([&] { return said(removing, "tries again"); }));
  open.exec("COMMIT");
  BOOST_TEST(removing.wait() == 0, removing.err());
  BOOST_TEST(removing.out() == "{\"table\":\"shop.orders\",\"removed\":true}\n");
  run_sql("INSERT INTO shop.orders VALUES (5, 'y')");
  BOOST_TEST(brief() == "INSERT 4 x");
}

BOOST_FIXTURE_TEST_CASE(list_tells_what_is_wrong, Shop) {
  orders("id uuid PRIMARY KEY");
  run_sql("CREATE TABLE shop.lines (k int PRIMARY KEY)");
  must_add("shop.lines", {"--pre-image"});
  Finished list = capture(url, {"list"});
  BOOST_TEST(list.status == 0);
  BOOST_TEST(list.out == "shop.lines  Order, with pre-images; key (k) in entity_key\nshop.orders  Order, without pre-images; key (id) in object_id\n");
  run_sql("ALTER TABLE shop.lines DISABLE TRIGGER \"00_fraiseql_capture_update\"; DROP TRIGGER \"00_fraiseql_capture_delete\" ON shop.orders");
  list = capture(url, {"list"});
  BOOST_TEST(list.status == 1);
  BOOST_TEST(has(list.out, "problem: triggers of shop.lines are disabled"), list.out);
  BOOST_TEST(has(list.out, "problem: of shop.orders some triggers are missing"), list.out);
  BOOST_TEST(has(add("shop.orders").err, "shop.orders has only some of the triggers; run: fraiseql capture remove shop.orders"));
  BOOST_TEST(capture(url, {"remove", "shop.orders"}).status == 0);
  must_add("shop.orders");
}

BOOST_FIXTURE_TEST_CASE(what_add_cannot_promise_it_says, Shop) {
  run_sql(
      "CREATE TABLE shop.orders (k int PRIMARY KEY, v text); CREATE TABLE shop.child (PRIMARY KEY (k)) INHERITS (shop.orders); CREATE FUNCTION shop.touch() RETURNS trigger "
      "LANGUAGE plpgsql AS $$ BEGIN UPDATE shop.orders SET v = 'touched' WHERE k = NEW.k; RETURN NULL; END $$; "
      "CREATE TRIGGER touch AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch()");
  const Finished added = add("shop.orders");
  BOOST_TEST(has(added.out, "note: FOR EACH ROW triggers fire before a statement is captured: if touch changes shop.orders itself, that change stands in the log before"),
             added.out);
  BOOST_TEST(has(added.out, "note: by inheritance it is related to shop.child"), added.out);
  run_sql("INSERT INTO shop.orders VALUES (1, 'a')");
  BOOST_TEST(brief() == "UPDATE 1 touched, INSERT 1 a");  // what the note is about
  // FOR EACH STATEMENT ours come first.
  run_sql("DROP TRIGGER touch ON shop.orders; CREATE FUNCTION shop.touch_all() RETURNS trigger LANGUAGE plpgsql AS "
          "$$ BEGIN UPDATE shop.orders SET v = 'all'; RETURN NULL; END $$; CREATE TRIGGER a AFTER INSERT ON shop.orders EXECUTE FUNCTION shop.touch_all(); "
          "INSERT INTO shop.orders VALUES (2, 'b')");
  BOOST_TEST(brief() == "INSERT 2 b, UPDATE 1 all, UPDATE 2 all");
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_captured_is_refused_in_a_line_that_says_how_to_mend_it, Shop) {
  run_sql(
      "CREATE TABLE shop.bare (v text); CREATE TABLE shop.\"Upper\" (k int PRIMARY KEY); CREATE VIEW shop.view AS SELECT 1 AS k; CREATE MATERIALIZED VIEW shop.stored AS "
      "SELECT 1 AS k; CREATE SEQUENCE shop.numbers; CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing; CREATE FOREIGN TABLE "
      "shop.remote (k int) SERVER elsewhere; CREATE TABLE shop.orders (k int PRIMARY KEY)");
  const struct {
    const char* table;
    const char* complaint;
  } refused[] = {
      {"shop.nothing", "there is no table shop.nothing"},
      {"orders", "there is no table orders in the search_path; write schema.table; there is shop.orders"},
      {"shop.Upper", "there is no table shop.Upper; there is shop.\"Upper\" (in a shell: 'shop.\"Upper\"')"},
      {"shop.bare", "shop.bare has no primary key, by which a change tells what it is about; run: ALTER TABLE shop.bare ADD PRIMARY KEY (...)"},
      {"shop.view", "shop.view is a view: capture the tables that it shows"},
      {"shop.stored", "shop.stored is a view"},
      {"shop.numbers", "shop.numbers is no table"},
      {"shop.remote", "shop.remote is a foreign table: capture it in the database where it is"},
      {"core.tb_entity_change_log", "belongs to the pipeline itself"},
      {"pg_catalog.pg_class", "belongs to PostgreSQL"},
  };
  for (const auto& [table, complaint] : refused) {
    const Finished answer = add(table);
    BOOST_TEST(answer.status == 1, table);
    BOOST_TEST(answer.err.starts_with("fraiseql: "), answer.err);
    BOOST_TEST(has(answer.err, complaint), answer.err);
    BOOST_TEST(answer.err.find('\n') == answer.err.size() - 1);
    BOOST_TEST(answer.out == "");
  }
  must_add("shop.orders", {"--pre-image"});
  BOOST_TEST(add("shop.orders", {"--pre-image"}).err == "fraiseql: shop.orders is captured already, as Order, with pre-images\n");
  const Finished other = add("shop.orders");
  BOOST_TEST(other.status == 1);
  BOOST_TEST(has(other.err, "captured already, as Order, with pre-images; to change that: fraiseql capture remove shop.orders"), other.err);
  Finished absent = capture(url, {"remove", "shop.bare"});
  BOOST_TEST(absent.status == 1);
  BOOST_TEST(absent.err == "fraiseql: shop.bare is not captured; see: fraiseql capture list\n");
  BOOST_TEST(capture(url, {"remove", "shop.nothing"}).status == 1);
  for (const char* wrong : {"", "a.b.c", "a..b", "shop.", "or ders", "\"open", "1st"}) {
    const Finished answer = add(wrong);
    BOOST_TEST(answer.status == 64, wrong << ": " << answer.err);
    BOOST_TEST(has(answer.err, "not the name of a table, such as shop.orders"), answer.err);
  }
  for (const std::string& entity : {std::string(), std::string("a\nb"), std::string("\xff"), std::string(201, 'x')})
    BOOST_TEST(capture(url, {"add", "shop.bare", "--entity", entity}).status == 64);
  BOOST_TEST(capture(url, {"add", "shop.bare"}).status == 64);
  BOOST_TEST(capture(url, {}).status == 64);
  BOOST_TEST(capture(url, {"add", "--help"}).status == 0);
}

BOOST_FIXTURE_TEST_CASE(a_missing_right_is_named_with_the_grant_that_mends_it, Shop) {
  run_sql("DROP ROLE IF EXISTS capture_operator; CREATE ROLE capture_operator LOGIN; CREATE TABLE shop.orders (k int PRIMARY KEY, v text); REVOKE ALL ON SCHEMA core FROM PUBLIC");
  const std::string as_operator = "postgresql://capture_operator@" + url.substr(url.find("@") + 1);
  const auto refused = [&](const std::string& grant, Words words = {"add", "shop.orders", "--entity", "Order"}) {
    const Finished answer = capture(as_operator, words);
    BOOST_TEST(answer.status == 78);
    BOOST_TEST(has(answer.err, grant), answer.err);
    BOOST_TEST(answer.err.find('\n') == answer.err.size() - 1, answer.err);
  };
  refused("role capture_operator may not use core.fn_capture_change(); run: GRANT EXECUTE ON FUNCTION core.fn_capture_change() TO capture_operator");
  run_sql("GRANT EXECUTE ON FUNCTION core.fn_capture_change() TO capture_operator; GRANT USAGE ON SCHEMA core TO capture_operator");
  refused("shop.orders: no right to look into its schema; run: GRANT USAGE ON SCHEMA shop TO capture_operator");
  run_sql("GRANT USAGE ON SCHEMA shop TO capture_operator");
  refused("no right to make triggers on shop.orders; run as its owner, postgres, or: GRANT TRIGGER ON shop.orders TO capture_operator");
  run_sql("GRANT TRIGGER ON shop.orders TO capture_operator");
  const Finished added = capture(as_operator, {"add", "shop.orders", "--entity", "Order"});
  BOOST_TEST(added.status == 0, added.err);
  BOOST_TEST(capture(as_operator, {"list"}).out == "shop.orders  Order, without pre-images; key (k) in entity_key\n");
  refused("no right to drop triggers of shop.orders; run as its owner, postgres", {"remove", "shop.orders"});
  // The migration repeated takes no right away.
  BOOST_TEST(run({FRAISEQL_COMMAND, "migrate"}, environment(url)).status == 0);
  BOOST_TEST(capture(as_operator, {"add", "shop.orders", "--entity", "Order"}).status == 1);

  // What the function's owner may not do, every writer would find out.
  run_sql("DROP ROLE IF EXISTS capture_owner; CREATE ROLE capture_owner; CREATE TABLE shop.lines (k int PRIMARY KEY); GRANT TRIGGER ON shop.lines TO capture_operator; "
          "ALTER FUNCTION core.fn_capture_change() OWNER TO capture_owner");
  const Words lines{"add", "shop.lines", "--entity", "Line"};
  refused("GRANT USAGE ON SCHEMA core TO capture_owner; GRANT INSERT ON core.tb_entity_change_log TO capture_owner", lines);
  run_sql("GRANT USAGE ON SCHEMA core TO capture_owner; GRANT INSERT ON core.tb_entity_change_log TO capture_owner; GRANT USAGE ON SEQUENCE core.seq_entity_change_log TO capture_owner; "
          "ALTER TABLE core.tb_entity_change_log ENABLE ROW LEVEL SECURITY");
  refused("row security of core.tb_entity_change_log holds", lines);
  run_sql("ALTER TABLE core.tb_entity_change_log DISABLE ROW LEVEL SECURITY");
  const Finished second = capture(as_operator, lines);
  BOOST_TEST(second.status == 0, second.err);
  run_sql("INSERT INTO shop.lines VALUES (1)");  // as what the checks said that it would
  BOOST_TEST(brief() == "INSERT 1");
}

BOOST_AUTO_TEST_CASE(an_older_schema_and_a_server_that_is_away) {
  const std::string url = postgres_server().create_database();
  sql(url, "CREATE TABLE orders (k int PRIMARY KEY)");
  for (const Words& words : {Words{"add", "orders", "--entity", "Order"}, Words{"list"}, Words{"remove", "orders"}}) {
    Finished answer = capture(url, words);
    BOOST_TEST(answer.status == 78);
    BOOST_TEST(has(answer.err, "run: fraiseql migrate"), answer.err);
    answer = capture("postgresql://app:secret@127.0.0.1:" + std::to_string(free_port()) + "/app", words);
    BOOST_TEST(answer.status == 69);
    BOOST_TEST(!has(answer.err, "secret"), answer.err);
  }
  BOOST_TEST(capture("", {"list"}).status == 78);
}
