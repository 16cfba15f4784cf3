// What a change log asks of the server and the schema that it finds.
#include "common/change_log.hpp"
#include "common/errors.hpp"

namespace fraiseql {
namespace {

constexpr const char* schema_question = R"(
SELECT c.relkind::text,
  EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid),
  EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'xact_id' AND NOT attisdropped AND atttypid = 'xid8'::regtype)
    AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'trigger_zz_entity_change_xact_id' AND tgenabled = 'A')
    AND EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisvalid
                AND x.relname = 'tb_entity_change_log_xact_id_idx')
    AND (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('core.tb_transport_checkpoint') AND NOT attisdropped AND attname IN
         ('snapshot', 'window_snapshot', 'window_pk', 'epoch', 'system_identifier', 'stream_seq', 'stream_msg_id', 'tail_seq')) = 8
    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('core.tb_transport_checkpoint_history') AND attname = 'tail_seq'
                AND NOT attisdropped),
  (SELECT seqcache FROM pg_sequence WHERE seqrelid = pg_get_serial_sequence(c.oid::regclass::text, 'pk_entity_change_log')::regclass),
  (SELECT system_identifier FROM pg_control_system())
FROM pg_class c WHERE c.oid = to_regclass('core.tb_entity_change_log'))";

}  // namespace

void ChangeLog::check_server() {
  const Rows server = postgres_.exec("SELECT pg_backend_pid(), pg_is_in_recovery()");
  if (server.integer(0, 0) != postgres_.backend_pid())
    throw ConfigError(
        "database.url leads to a connection pooler: this program needs PostgreSQL itself, for its lock belongs to one session");
  if (server.text(0, 1) == "t") throw DatabaseUnavailable("this server is a standby: its rows may lag or vanish");
  if (postgres_.server_version() < 130000) throw ConfigError("PostgreSQL 13 or later is needed");
  const Rows schema = postgres_.exec(schema_question);
  if (schema.empty()) throw ConfigError("core.tb_entity_change_log does not exist; run: fraiseql migrate");
  if (schema.text(0, 0) != "r" || schema.text(0, 1) == "t")
    throw ConfigError(
        "core.tb_entity_change_log must be one unpartitioned table: the order of an entity's changes is that of its pk");
  if (schema.text(0, 2) != "t") throw ConfigError("the schema is older than this program needs; run: fraiseql migrate");
  if (schema.integer(0, 3) != 1)
    throw ConfigError(
        "pk_entity_change_log must come from one sequence with CACHE 1: the order of an entity's changes is that of its pk");
  system_identifier_ = schema.integer(0, 4);
}

}  // namespace fraiseql
