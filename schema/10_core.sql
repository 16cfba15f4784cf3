-- CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists.
DO $$
BEGIN
  IF to_regnamespace('core') IS NULL THEN
    CREATE SCHEMA core;
  END IF;
END
$$;
