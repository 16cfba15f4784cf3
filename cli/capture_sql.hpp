#pragma once

/// The questions of capture.cpp. Text only; none of them takes a lock that a writer meets.
namespace fraiseql::capture_sql {

// The function that the triggers call: whether we may use it (EXECUTE is needed to make a trigger), and whether what it does as its
// owner will work. No row: the schema is older.
inline constexpr const char* function = R"(
SELECT p.oid, has_function_privilege(p.oid, 'EXECUTE'), quote_ident(current_user), quote_ident(owner.rolname),
  has_schema_privilege(p.proowner, n.oid, 'USAGE') AND has_table_privilege(p.proowner, log.oid, 'INSERT')
    AND coalesce((SELECT has_sequence_privilege(p.proowner, s.oid, 'USAGE, UPDATE') FROM pg_class s
                  WHERE s.relnamespace = n.oid AND s.relname = 'seq_entity_change_log'), true),
  log.relrowsecurity AND NOT (owner.rolsuper OR owner.rolbypassrls)
    AND (log.relforcerowsecurity OR NOT pg_has_role(p.proowner, log.relowner, 'USAGE'))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles owner ON owner.oid = p.proowner
  JOIN pg_class log ON log.relnamespace = n.oid AND log.relname = 'tb_entity_change_log'
WHERE n.nspname = 'core' AND p.proname = 'fn_capture_change' AND p.pronargs = 0)";

// $1: a name as in SQL, quoted. By the catalog, for to_regclass() refuses what is in a schema that one may not use.
inline constexpr const char* relation = R"(
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind, c.relpersistence = 't',
  CASE WHEN c.relispartition THEN (SELECT format('%I.%I', rn.nspname, r.relname) FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace
                                   WHERE r.oid = pg_partition_root(c.oid)) END,
  n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast'),
  n.nspname = 'core' AND c.relname IN ('tb_entity_change_log', 'tb_transport_checkpoint', 'tb_transport_checkpoint_history', 'tb_observer_dlq',
                                       'tb_observer_progress'),
  has_schema_privilege(n.oid, 'USAGE'), quote_ident(n.nspname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, (SELECT parse_ident($1) AS part) AS said
WHERE CASE WHEN cardinality(part) = 1 THEN pg_table_is_visible(c.oid) AND c.relname = part[1]
           ELSE n.nspname = part[1] AND c.relname = part[2] END)";

// $1 as above: tables that somebody could have meant who left out the quotes or the schema.
inline constexpr const char* similar = R"(
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, (SELECT parse_ident($1) AS part) AS said
WHERE c.relkind IN ('r', 'p') AND lower(c.relname) = lower(part[cardinality(part)])
  AND (cardinality(part) = 1 OR lower(n.nspname) = lower(part[1])) ORDER BY 1 LIMIT 3)";

// $1: the oid of a table. Its primary key: the names of the columns, whether it is one UUID.
inline constexpr const char* key = R"(
SELECT to_json(array_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))),
  string_agg(a.attname, ', ' ORDER BY array_position(i.indkey::int2[], a.attnum)),
  count(*) = 1 AND bool_and(a.atttypid = 'uuid'::regtype OR t.typbasetype = 'uuid'::regtype)
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) JOIN pg_type t ON t.oid = a.atttypid
WHERE i.indrelid = $1::oid AND i.indisprimary HAVING count(*) > 0)";

// $1: the oid of a table, $2: that of the function. The table, first, and its partitions; of each which of the triggers it has.
inline constexpr const char* members = R"(
SELECT c.oid, format('%I.%I', n.nspname, c.relname), quote_ident(owner.rolname), has_table_privilege(c.oid, 'TRIGGER'), pg_has_role(c.relowner, 'USAGE'),
  count(t.oid), count(t.oid) FILTER (WHERE t.tgenabled IN ('D', 'R')),
  min(convert_from(substring(t.tgargs FROM 1 FOR position('\x00'::bytea IN t.tgargs) - 1), getdatabaseencoding())), coalesce(bool_or(t.tgnargs > 1), false)
FROM (SELECT $1::oid AS relid, 0 AS level UNION SELECT relid, level FROM pg_partition_tree($1::oid)) AS tree
  JOIN pg_class c ON c.oid = tree.relid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles owner ON owner.oid = c.relowner
  LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgfoid = $2::oid AND NOT t.tgisinternal
GROUP BY c.oid, n.nspname, tree.level, owner.rolname ORDER BY tree.level, 2)";

// $1: the oid of the function. Every table that has triggers of ours and is no partition of another one that has.
inline constexpr const char* captured = R"(
SELECT DISTINCT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgfoid = $1::oid AND NOT t.tgisinternal
  AND NOT EXISTS (SELECT FROM pg_trigger other JOIN pg_partition_ancestors(c.oid) AS a ON a.relid = other.tgrelid WHERE other.tgfoid = t.tgfoid AND a.relid <> c.oid)
ORDER BY 2)";

// $1: the oid of a table. Triggers that fire before ours and may change the same table: AFTER ... FOR EACH ROW, not deferred.
inline constexpr const char* row_triggers = R"(
SELECT string_agg(DISTINCT quote_ident(tgname), ', ') FROM pg_trigger
WHERE tgrelid = $1::oid AND NOT tgisinternal AND tgtype & 1 = 1 AND tgtype & 66 = 0 AND tgtype & 28 <> 0 AND NOT tginitdeferred AND tgenabled IN ('O', 'A')
HAVING count(*) > 0)";

// $1: the oid of a table. Tables that inherit from it or that it inherits from, and are no partitions.
inline constexpr const char* relatives = R"(
SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ')
FROM pg_inherits i JOIN pg_class c ON c.oid = CASE WHEN i.inhparent = $1::oid THEN i.inhrelid ELSE i.inhparent END JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (i.inhparent = $1::oid AND NOT c.relispartition)
   OR (i.inhrelid = $1::oid AND NOT (SELECT relispartition FROM pg_class WHERE oid = $1::oid))
HAVING count(*) > 0)";

}  // namespace fraiseql::capture_sql
