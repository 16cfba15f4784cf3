-- Where each reader of the change log is. FraiseQL has the first three columns.
--   last_pk          highest pk published: for people and the status view; a place only while snapshot is NULL
--   snapshot         all that it sees is published
--   window_snapshot  NULL: no window is open; else what only it sees is being published in the order of pk, up to window_pk
--   epoch            counts sessions; a save that meets another epoch comes from a session that is over
--   stream_seq, stream_msg_id   the last message in the stream that this place vouches for
CREATE TABLE IF NOT EXISTS core.tb_transport_checkpoint (
  transport_name TEXT PRIMARY KEY,
  last_pk BIGINT NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

DO $$
DECLARE
  wanted RECORD;
BEGIN
  -- ALTER TABLE locks the table even when IF NOT EXISTS finds nothing to do, so the catalog is asked first.
  FOR wanted IN
    SELECT * FROM (VALUES
      ('snapshot', 'pg_snapshot'), ('window_snapshot', 'pg_snapshot'), ('window_pk', 'bigint'), ('epoch', 'bigint'),
      ('system_identifier', 'bigint'), ('stream_seq', 'bigint'), ('stream_msg_id', 'text')) AS columns(name, type)
    WHERE NOT EXISTS (SELECT FROM pg_attribute
                      WHERE attrelid = 'core.tb_transport_checkpoint'::regclass AND attname = name AND NOT attisdropped)
  LOOP
    EXECUTE format('ALTER TABLE core.tb_transport_checkpoint ADD COLUMN %I %s', wanted.name, wanted.type);
  END LOOP;
END
$$;

-- Earlier places, an entry per minute or per 500,000 messages, for a day: where to go back to when the broker has lost some.
CREATE TABLE IF NOT EXISTS core.tb_transport_checkpoint_history (
  transport_name TEXT NOT NULL,
  saved_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  last_pk BIGINT NOT NULL,
  snapshot PG_SNAPSHOT,
  window_snapshot PG_SNAPSHOT,
  window_pk BIGINT,
  epoch BIGINT,
  system_identifier BIGINT,
  stream_seq BIGINT,
  stream_msg_id TEXT
);
CREATE INDEX IF NOT EXISTS tb_transport_checkpoint_history_idx
  ON core.tb_transport_checkpoint_history (transport_name, saved_at);
