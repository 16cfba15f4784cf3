-- A hint to the bridge that there is something to read. One per statement and without a payload: a payload per row cut the
-- commits of 32 writers to a quarter, and equal notifications of a transaction are folded into one.
CREATE OR REPLACE FUNCTION core.fn_notify_entity_change_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM pg_notify(TG_ARGV[0], '');
  RETURN NULL;
END
$$;

-- It takes the name of FraiseQL's trigger, and so replaces it. With an empty channel there is none.
DO $$
DECLARE
  channel CONSTANT text := current_setting('fraiseql.notify_channel');
  there RECORD;
BEGIN
  SELECT tgtype, tgfoid, tgargs, tgenabled INTO there FROM pg_trigger
    WHERE tgrelid = 'core.tb_entity_change_log'::regclass AND tgname = 'trigger_entity_change_notify';
  IF FOUND THEN
    -- tgtype 4: AFTER INSERT FOR EACH STATEMENT
    IF channel <> '' AND there.tgtype = 4 AND there.tgfoid = 'core.fn_notify_entity_change_log()'::regprocedure
       AND there.tgargs = convert_to(channel, 'UTF8') || '\x00'::bytea AND there.tgenabled = 'O' THEN
      RETURN;
    END IF;
    DROP TRIGGER trigger_entity_change_notify ON core.tb_entity_change_log;
  END IF;
  IF channel <> '' THEN
    EXECUTE format('CREATE TRIGGER trigger_entity_change_notify AFTER INSERT ON core.tb_entity_change_log '
                   'FOR EACH STATEMENT EXECUTE FUNCTION core.fn_notify_entity_change_log(%L)', channel);
  END IF;
END
$$;
