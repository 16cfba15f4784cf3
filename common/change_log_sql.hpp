#pragma once

#include <string>

/// The statements of change_log.cpp that read pages. Text only.
namespace fraiseql::reading_sql {

// Nothing here is left to a planner's guess: a page walks an index in its order and stops; no plan is made per page.
inline constexpr const char* session =
    "SET row_security = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; "
    "SET enable_sort = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET max_parallel_workers_per_gather = 0; SET "
    "jit = off; "
    // A checkpoint that a crash takes back costs a look at the stream's tail, while waiting for the disk would stop reading.
    "SET synchronous_commit = off";

// The first window is all that S2 sees: no stragglers, no floor (which would read the whole backlog).
inline constexpr const char* first_window =
    "SELECT pg_current_snapshot()::text, (SELECT max(pk_entity_change_log) FROM core.tb_entity_change_log)";

// $1: S1, $2: S2 or NULL for now. S2, the lowest and highest pk of transactions newer than S1, the transactions of S1's list
// that have ended in S2 and have rows here, their highest pk. Rows committed after an older S2 may widen the range, which
// costs a little and loses nothing. OFFSET 0 keeps the planner from walking the primary key for min() and max().
inline constexpr const char* next_window = R"(
WITH now AS MATERIALIZED (SELECT coalesce($2::pg_snapshot, pg_current_snapshot()) AS s2)
SELECT now.s2::text, fresh.low, fresh.high, straggling.xids::text, straggling.high
FROM now,
  LATERAL (SELECT min(pk) AS low, max(pk) AS high FROM
    (SELECT pk_entity_change_log AS pk FROM core.tb_entity_change_log
     WHERE xact_id >= pg_snapshot_xmax($1::pg_snapshot) AND xact_id < pg_snapshot_xmax(now.s2) OFFSET 0) AS of_new) AS fresh,
  LATERAL (SELECT array_agg(xid) AS xids, max(last.pk) AS high FROM pg_snapshot_xip($1::pg_snapshot) AS xid
    CROSS JOIN LATERAL (SELECT pk_entity_change_log AS pk FROM core.tb_entity_change_log
                        WHERE (xact_id, pk_entity_change_log) >= (xid, -9223372036854775807)
                          AND (xact_id, pk_entity_change_log) <= (xid, 9223372036854775807)
                        ORDER BY xact_id DESC, pk_entity_change_log DESC LIMIT 1) AS last
    WHERE pg_visible_in_snapshot(xid, now.s2)) AS straggling)";

// What a row is made of. The inner columns are worked out once per row of the page, so that the length of the text costs no
// second conversion. $6: longest text of a row that is sent; of a longer one comes only "<length of data>+<length of before>",
// the second -1 when there is none.
inline constexpr const char* inner_columns =
    "l.pk_entity_change_log AS pk, l.id, l.object_type, l.modification_type, l.created_at, l.object_id, l.seq, l.tenant_id, "
    "l.actor_type, l.acting_for, l.schema_version, l.extra_metadata->>'entity_key' AS entity_key, "
    "CASE WHEN l.trace_context IS NOT NULL THEN (l.trace_context->>'version') || '-' || (l.trace_context->>'trace_id') || '-' || "
    "(l.trace_context->>'parent_id') || '-' || (l.trace_context->>'trace_flags') END AS traceparent, "
    "CASE WHEN l.trace_context IS NOT NULL THEN l.trace_context->>'tracestate' END AS tracestate, "
    "array_to_json(l.updated_fields) AS changed, l.object_data::text AS data, l.object_data_before::text AS before";
inline constexpr const char* outer_columns =
    "pk, id, object_type, modification_type, created_at, object_id, seq, tenant_id, actor_type, acting_for, schema_version, "
    "entity_key, "
    "traceparent, tracestate, changed, "
    "CASE WHEN coalesce(octet_length(data), 0) + coalesce(octet_length(before), 0) <= $6 THEN data END, "
    "CASE WHEN coalesce(octet_length(data), 0) + coalesce(octet_length(before), 0) <= $6 THEN before END, "
    "CASE WHEN coalesce(octet_length(data), 0) + coalesce(octet_length(before), 0) > $6 "
    "THEN coalesce(octet_length(data), 0) || '+' || coalesce(octet_length(before), -1) END";
inline constexpr int column_count = 18;

// $1: last pk, $2: highest pk of the window, $3: S2, $4: S1, $5: rows. No condition on the range of xact_id: with one the
// planner could sort the whole window for each page.
inline std::string page() {
  return std::string("SELECT ") + outer_columns + " FROM (SELECT " + inner_columns +
         " FROM core.tb_entity_change_log l WHERE l.pk_entity_change_log > $1 AND l.pk_entity_change_log <= $2 "
         "AND pg_visible_in_snapshot(l.xact_id, $3::pg_snapshot) AND NOT pg_visible_in_snapshot(l.xact_id, $4::pg_snapshot) "
         "ORDER BY l.pk_entity_change_log LIMIT $5) AS p ORDER BY pk";
}

// The same while stragglers below the floor are left. $7: their transactions, $8: the floor. One probe per transaction: with
// = ANY(...) the planner would walk the primary key from its start. It would for xact_id = xid too, once it takes the range of
// pk for small (19,000 buffers for 60 rows after an ANALYZE): a comparison of pairs leaves it only the one index that has them.
// First only pks, so that no text is made to be sorted.
inline std::string page_with_stragglers() {
  return std::string("SELECT ") + outer_columns + " FROM (SELECT " + inner_columns +
         " FROM (SELECT pk FROM (SELECT s.pk FROM unnest($7::xid8[]) AS xid CROSS JOIN LATERAL "
         "(SELECT pk_entity_change_log AS pk FROM core.tb_entity_change_log WHERE (xact_id, pk_entity_change_log) > (xid, $1) "
         "AND (xact_id, pk_entity_change_log) < (xid, $8) ORDER BY xact_id, pk_entity_change_log LIMIT $5) AS s "
         "UNION ALL (SELECT pk_entity_change_log FROM core.tb_entity_change_log WHERE pk_entity_change_log > greatest($1, $8 - "
         "1) "
         "AND pk_entity_change_log <= $2 AND pg_visible_in_snapshot(xact_id, $3::pg_snapshot) "
         "AND NOT pg_visible_in_snapshot(xact_id, $4::pg_snapshot) ORDER BY pk_entity_change_log LIMIT $5)) AS both_kinds "
         "ORDER BY pk LIMIT $5) AS chosen JOIN core.tb_entity_change_log l ON l.pk_entity_change_log = chosen.pk ORDER BY "
         "chosen.pk OFFSET 0) AS p "
         "ORDER BY pk";
}

inline constexpr const char* large_row =
    "SELECT object_data::text, object_data_before::text FROM core.tb_entity_change_log WHERE pk_entity_change_log = $1";

// $1: the highest pk that is published. How many wait, the age of the oldest in ms, its created_at; no row: nothing waits.
inline constexpr const char* waiting = R"(
SELECT greatest((SELECT max(pk_entity_change_log) FROM core.tb_entity_change_log) - $1, 1),
  CASE WHEN isfinite(created_at) THEN (extract(epoch FROM clock_timestamp() - created_at) * 1000)::bigint ELSE 0 END, created_at
FROM core.tb_entity_change_log WHERE pk_entity_change_log > $1 ORDER BY pk_entity_change_log LIMIT 1)";

}  // namespace fraiseql::reading_sql
