-- FraiseQL's view: exactly its six columns. The last two are distances between pks, an estimate that costs nothing; which
-- rows wait in truth only the snapshots of the checkpoint know. Where the view exists its columns keep their types.
DO $$
DECLARE
  columns CONSTANT text[] := ARRAY['transport_name', 'checkpoint_cursor', 'checkpoint_updated_at', 'max_pk', 'lag_count', 'unpublished_count'];
  types text[] := ARRAY['text', 'bigint', 'timestamp with time zone', 'bigint', 'bigint', 'bigint'];
  existing CONSTANT oid := to_regclass('core.vw_nats_publication_status');
  mark CONSTANT text := 'Where each transport is; written by fraiseql migrate.';
  names text[];
BEGIN
  IF existing IS NOT NULL THEN
    IF obj_description(existing, 'pg_class') = mark THEN
      RETURN;
    END IF;
    SELECT array_agg(attname::text ORDER BY attnum), array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) INTO names, types
      FROM pg_attribute WHERE attrelid = existing AND attnum > 0;
    IF names IS DISTINCT FROM columns THEN
      RAISE EXCEPTION 'core.vw_nats_publication_status has other columns than FraiseQL''s: %', array_to_string(names, ', ');
    END IF;
  END IF;
  EXECUTE format(
    'CREATE OR REPLACE VIEW core.vw_nats_publication_status AS '
    'SELECT c.transport_name::%s AS transport_name, c.last_pk::%s AS checkpoint_cursor, c.updated_at::%s AS checkpoint_updated_at, '
    'log.max_pk::%s AS max_pk, greatest(coalesce(log.max_pk, 0) - c.last_pk, 0)::%s AS lag_count, '
    'greatest(coalesce(log.max_pk, 0) - c.last_pk, 0)::%s AS unpublished_count '
    'FROM core.tb_transport_checkpoint c '
    'CROSS JOIN (SELECT max(pk_entity_change_log) AS max_pk FROM core.tb_entity_change_log) log',
    types[1], types[2], types[3], types[4], types[5], types[6]);
  EXECUTE format('COMMENT ON VIEW core.vw_nats_publication_status IS %L', mark);
END
$$;
