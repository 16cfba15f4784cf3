-- The outbox, as FraiseQL has it, and a column of ours: xact_id.
DO $$
BEGIN
  IF to_regclass('core.seq_entity_change_log') IS NULL THEN
    CREATE SEQUENCE core.seq_entity_change_log;
  END IF;
END
$$;

CREATE TABLE IF NOT EXISTS core.tb_entity_change_log (
  pk_entity_change_log BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object_type TEXT NOT NULL,
  modification_type TEXT NOT NULL,
  id UUID NOT NULL DEFAULT gen_random_uuid(),
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  tenant_id UUID,
  fk_customer_org BIGINT,
  fk_contact BIGINT,
  object_id UUID,
  object_data JSONB,
  object_data_before JSONB,
  updated_fields TEXT[],
  cascade JSONB,
  duration_ms INTEGER,
  started_at TIMESTAMPTZ,
  commit_time TIMESTAMPTZ,
  seq BIGINT DEFAULT nextval('core.seq_entity_change_log'),
  actor_type TEXT,
  acting_for UUID,
  schema_version TEXT,
  trace_id TEXT,
  trace_context JSONB,
  change_status TEXT,
  extra_metadata JSONB,
  nats_published_at TIMESTAMPTZ,
  nats_event_id UUID
);

CREATE OR REPLACE FUNCTION core.fn_entity_change_log_xact_id() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  NEW.xact_id := pg_current_xact_id();
  RETURN NEW;
END
$$;

-- All that needs the table's lock, and each only where it is missing: a second run must not make writers wait.
DO $$
DECLARE
  change_log CONSTANT regclass := 'core.tb_entity_change_log';
  wanted RECORD;
BEGIN
  IF (SELECT relkind FROM pg_class WHERE oid = change_log) <> 'r' THEN
    RAISE EXCEPTION 'core.tb_entity_change_log must be one unpartitioned table: the order of an entity''s changes is that of its pk';
  END IF;
  FOR wanted IN
    SELECT name FROM unnest(ARRAY['pk_entity_change_log', 'object_type', 'modification_type', 'id', 'created_at', 'object_id', 'object_data'])
      AS name
    WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = change_log AND attname = name AND NOT attisdropped)
  LOOP
    RAISE EXCEPTION 'core.tb_entity_change_log has no column %: it is not FraiseQL''s change log', wanted.name;
  END LOOP;

  -- Columns that an older FraiseQL may lack. Without defaults, for a volatile one would rewrite the table.
  FOR wanted IN
    SELECT * FROM (VALUES
      ('tenant_id', 'uuid'), ('fk_customer_org', 'bigint'), ('fk_contact', 'bigint'), ('object_data_before', 'jsonb'),
      ('updated_fields', 'text[]'), ('cascade', 'jsonb'), ('duration_ms', 'integer'), ('started_at', 'timestamptz'),
      ('commit_time', 'timestamptz'), ('seq', 'bigint'), ('actor_type', 'text'), ('acting_for', 'uuid'), ('schema_version', 'text'),
      ('trace_id', 'text'), ('trace_context', 'jsonb'), ('change_status', 'text'), ('extra_metadata', 'jsonb'),
      ('nats_published_at', 'timestamptz'), ('nats_event_id', 'uuid')) AS columns(name, type)
    WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = change_log AND attname = name AND NOT attisdropped)
  LOOP
    EXECUTE format('ALTER TABLE core.tb_entity_change_log ADD COLUMN %I %s', wanted.name, wanted.type);
    IF wanted.name = 'seq' THEN
      ALTER TABLE core.tb_entity_change_log ALTER COLUMN seq SET DEFAULT nextval('core.seq_entity_change_log');
    END IF;
  END LOOP;

  -- Which transaction wrote the row: what decides between which two snapshots it is published. The default is stable, so it
  -- is worked out once, without a rewrite, and every row that is there already gets the id of this very transaction. That is
  -- right: the lock waited for all who had written before, so none of these rows is still uncommitted, and together they
  -- come to light for the readers in one window, in the order of pk.
  IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = change_log AND attname = 'xact_id' AND NOT attisdropped) THEN
    ALTER TABLE core.tb_entity_change_log ADD COLUMN xact_id XID8 NOT NULL DEFAULT pg_current_xact_id();
  END IF;

  -- It must be true: a row that brings another one (logical replication, an explicit value) would be in no window and lost.
  -- ALWAYS, for the apply worker of a subscription fires no other triggers; by its name it comes after all others.
  IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = change_log AND tgname = 'trigger_zz_entity_change_xact_id' AND tgenabled = 'A') THEN
    DROP TRIGGER IF EXISTS trigger_zz_entity_change_xact_id ON core.tb_entity_change_log;
    CREATE TRIGGER trigger_zz_entity_change_xact_id BEFORE INSERT ON core.tb_entity_change_log
      FOR EACH ROW WHEN (NEW.xact_id IS DISTINCT FROM pg_current_xact_id()) EXECUTE FUNCTION core.fn_entity_change_log_xact_id();
    ALTER TABLE core.tb_entity_change_log ENABLE ALWAYS TRIGGER trigger_zz_entity_change_xact_id;
  END IF;

  -- NOT VALID: rows that are there already are not looked at, so no writer waits for a scan.
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = change_log AND contype = 'c' AND conkey @> ARRAY[
                   (SELECT attnum FROM pg_attribute WHERE attrelid = change_log AND attname = 'actor_type' AND NOT attisdropped)]) THEN
    ALTER TABLE core.tb_entity_change_log ADD CONSTRAINT tb_entity_change_log_actor_type_check
      CHECK (actor_type IN ('human_user', 'service_account', 'ai_agent', 'system_job')) NOT VALID;
  END IF;
END
$$;
