-- Where each reader of the change log is. FraiseQL has the first three columns.
--   last_pk          highest pk published: for people and the status view; a place only while snapshot is NULL
--   snapshot         all that it sees is published
--   window_snapshot  NULL: no window is open; else what only it sees is being published in the order of pk, up to window_pk
--   epoch            counts sessions; a save that meets another epoch comes from a session that is over
--   stream_seq, stream_msg_id   the last message in the stream of what this place has done: still there, nothing is lost
--   tail_seq         behind it stand messages of what this place has not done; NULL: it is stream_seq
CREATE TABLE IF NOT EXISTS core.tb_transport_checkpoint (
  transport_name TEXT PRIMARY KEY,
  last_pk BIGINT NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

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
  stream_msg_id TEXT,
  tail_seq BIGINT
);
CREATE INDEX IF NOT EXISTS tb_transport_checkpoint_history_idx
  ON core.tb_transport_checkpoint_history (transport_name, saved_at);

DO $$
DECLARE
  wanted RECORD;
BEGIN
  -- ALTER TABLE locks the table even when IF NOT EXISTS finds nothing to do, so the catalog is asked first.
  FOR wanted IN
    SELECT * FROM (VALUES
      ('core.tb_transport_checkpoint'::regclass, 'snapshot', 'pg_snapshot'),
      ('core.tb_transport_checkpoint', 'window_snapshot', 'pg_snapshot'),
      ('core.tb_transport_checkpoint', 'window_pk', 'bigint'),
      ('core.tb_transport_checkpoint', 'epoch', 'bigint'),
      ('core.tb_transport_checkpoint', 'system_identifier', 'bigint'),
      ('core.tb_transport_checkpoint', 'stream_seq', 'bigint'),
      ('core.tb_transport_checkpoint', 'stream_msg_id', 'text'),
      ('core.tb_transport_checkpoint', 'tail_seq', 'bigint'),
      ('core.tb_transport_checkpoint_history', 'tail_seq', 'bigint')) AS columns(of_table, name, type)
    WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = of_table AND attname = name AND NOT attisdropped)
  LOOP
    EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', wanted.of_table, wanted.name, wanted.type);
  END LOOP;
END
$$;
