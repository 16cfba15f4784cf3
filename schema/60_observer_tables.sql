-- What executors keep here with transport = postgres. transport_name is that of their checkpoint: their consumer_name.
--
-- Dead letters: an action that failed for good (reason action_failed; action counts from 1), or an event as a whole
-- (undecodable, unpublishable; then observer is empty and action is 0). A repeat after a crash finds its letter here.
CREATE TABLE IF NOT EXISTS core.tb_observer_dlq (
  pk_observer_dlq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transport_name TEXT NOT NULL,
  reason TEXT NOT NULL,
  observer TEXT NOT NULL,
  action INTEGER NOT NULL,
  attempts BIGINT NOT NULL,
  error TEXT NOT NULL,
  http_status INTEGER,
  event_id TEXT NOT NULL,
  pk BIGINT,
  entity TEXT NOT NULL,
  operation TEXT NOT NULL,
  failed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  headers JSONB NOT NULL,
  payload TEXT NOT NULL,
  UNIQUE (transport_name, event_id, observer, action)
);

-- What a clean stop knows beyond the checkpoint: changes that are settled although an earlier one is not, and how far the
-- actions of the others have come. Valid while the checkpoint has the same epoch.
CREATE TABLE IF NOT EXISTS core.tb_observer_progress (
  transport_name TEXT NOT NULL,
  pk BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  settled BOOLEAN NOT NULL,
  progress TEXT,
  PRIMARY KEY (transport_name, pk)
);
