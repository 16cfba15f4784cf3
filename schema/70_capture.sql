-- Writes the change log for tables that nobody writes an outbox row for. `fraiseql capture add` makes three triggers AFTER ...
-- FOR EACH STATEMENT on such a table, which call it with its entity and, when earlier values are wanted, 'pre_image'; the
-- transition tables are changed_rows (the old ones of a DELETE) and, of an UPDATE, old_rows too.
--   Writers need rights on their table only: it runs with those of its owner. Hence the fixed search_path.
--   The other settings make a key the same text whoever writes. Plans are made once per session: making them costs as much
--   as carrying out a statement of one row.
CREATE OR REPLACE FUNCTION core.fn_capture_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres'
SET bytea_output = 'hex' SET extra_float_digits = 1 SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  entity CONSTANT text := TG_ARGV[0];
  with_before CONSTANT boolean := TG_NARGS > 1;
  uuid_form CONSTANT text := '^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$';
  tenant CONSTANT text := current_setting('fraiseql.tenant_id', true);
  mark CONSTANT jsonb := '{"cdc_source": "fallback_trigger"}';
  keys text[];           -- names of the primary key's columns
  in_object_id boolean;  -- a single one that is a UUID
  part text[] := ARRAY['all'];
  one text;
BEGIN
  IF current_setting('fraiseql.cdc_mediated', true) = 'on' THEN
    RETURN NULL;  -- FraiseQL writes the row itself
  END IF;
  -- Nothing of a transition table is called by a name alone: its columns may have any.
  IF NOT EXISTS (SELECT FROM changed_rows) THEN
    RETURN NULL;  -- nothing to notify of either
  END IF;

  -- Asked each time: after a column is renamed or another key is made, writers must not fail.
  SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum)),
      count(*) = 1 AND bool_and(a.atttypid = 'uuid'::regtype OR t.typbasetype = 'uuid'::regtype),
      CASE WHEN bool_and(NOT i.indimmediate) THEN ARRAY['DELETE', 'others']
           WHEN TG_OP = 'UPDATE' AND bool_and(c.relkind = 'p') THEN ARRAY['partitioned']
           ELSE ARRAY['all'] END
    INTO keys, in_object_id, part
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
      JOIN pg_type t ON t.oid = a.atttypid
    WHERE i.indrelid = TG_RELID AND i.indisprimary;
  IF keys IS NULL THEN
    RAISE WARNING '%.% is captured and has no primary key: its changes go out without a key and in no order', TG_TABLE_SCHEMA, TG_TABLE_NAME
      USING HINT = 'Add a primary key, or run: fraiseql capture remove.';
  END IF;

  IF TG_OP <> 'UPDATE' THEN
    INSERT INTO core.tb_entity_change_log (object_type, modification_type, tenant_id, object_id, object_data, object_data_before, extra_metadata)
    SELECT entity, TG_OP, substring(coalesce(d->>'tenant_id', tenant) FROM uuid_form)::uuid,
      CASE WHEN in_object_id THEN (d->>keys[1])::uuid END,
      CASE WHEN TG_OP = 'INSERT' THEN d END, CASE WHEN TG_OP = 'DELETE' AND with_before THEN d END,
      CASE WHEN in_object_id OR keys IS NULL THEN mark
           WHEN cardinality(keys) = 1 THEN mark || jsonb_build_object('entity_key', d->>keys[1])
           ELSE mark || jsonb_build_object('entity_key', (SELECT jsonb_agg(d->k ORDER BY nr) FROM unnest(keys) WITH ORDINALITY AS u(k, nr))) END
    FROM (SELECT to_jsonb(changed_rows.*) AS d FROM changed_rows OFFSET 0) AS s;
    RETURN NULL;
  END IF;

  -- Both transition tables hold the rows in the order in which they were updated, so the same place is the same row, also when
  -- its key has changed: that is a DELETE of the old key and an INSERT of the new one. In this order every key's last change is
  -- the true one as long as the key was unique all along. It was not if it is checked only afterwards (DEFERRABLE), and places do
  -- not match if a row on its way to another partition was stopped by a trigger there: then all DELETEs come first, and what
  -- the INSERTs and UPDATEs say is what there is.
  IF part = ARRAY['partitioned'] THEN
    part := CASE WHEN (SELECT count(*) FROM old_rows) = (SELECT count(*) FROM changed_rows) THEN ARRAY['all'] ELSE ARRAY['DELETE', 'others'] END;
  END IF;
  FOREACH one IN ARRAY part LOOP
    INSERT INTO core.tb_entity_change_log (object_type, modification_type, tenant_id, object_id, object_data, object_data_before, extra_metadata)
    SELECT entity, verb, substring(coalesce(d->>'tenant_id', tenant) FROM uuid_form)::uuid,
      CASE WHEN in_object_id THEN (d->>keys[1])::uuid END,
      CASE WHEN verb <> 'DELETE' THEN d END, CASE WHEN verb <> 'INSERT' AND with_before THEN before END,
      CASE WHEN in_object_id OR keys IS NULL THEN mark
           WHEN cardinality(keys) = 1 THEN mark || jsonb_build_object('entity_key', d->>keys[1])
           ELSE mark || jsonb_build_object('entity_key', (SELECT jsonb_agg(d->k ORDER BY nr) FROM unnest(keys) WITH ORDINALITY AS u(k, nr))) END
    FROM (
      SELECT verb, before, CASE WHEN verb = 'DELETE' THEN before ELSE after END AS d
      FROM (
        SELECT before, after, unnest(
          CASE WHEN before IS NULL THEN ARRAY['INSERT']
               WHEN after IS NULL THEN ARRAY['DELETE']
               WHEN CASE WHEN cardinality(keys) = 1 THEN before->keys[1] = after->keys[1]
                         ELSE NOT EXISTS (SELECT FROM unnest(keys) AS k WHERE before->k <> after->k) END THEN ARRAY['UPDATE']
               ELSE ARRAY['DELETE', 'INSERT'] END) AS verb
        FROM (
          -- A FULL JOIN cannot be planned as a nested loop, which after a statement of one row would be kept for a million.
          SELECT before, after
          FROM (SELECT row_number() OVER () AS place, to_jsonb(old_rows.*) AS before FROM old_rows) AS o
          FULL JOIN (SELECT row_number() OVER () AS place, to_jsonb(changed_rows.*) AS after FROM changed_rows) AS n USING (place)
          ORDER BY place OFFSET 0) AS pair) AS step
      WHERE one = 'all' OR (verb = 'DELETE') = (one = 'DELETE') OFFSET 0) AS s;
  END LOOP;
  RETURN NULL;
END
$$;

-- Whoever may call it in a trigger of his own can write anything into the change log.
REVOKE EXECUTE ON FUNCTION core.fn_capture_change() FROM PUBLIC;
