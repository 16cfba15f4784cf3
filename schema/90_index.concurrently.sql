-- By transaction: how a reader finds the rows of one that stayed open for long, and where a window begins. After the
-- transaction of the other files and without a lock that writers meet: inside it an INSERT waited 2.7 s at 1.5 million rows.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tb_entity_change_log_xact_id_idx
  ON core.tb_entity_change_log (xact_id, pk_entity_change_log);
