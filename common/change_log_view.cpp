#include "common/change_log_view.hpp"

#include <algorithm>

#include "common/change_log_sql.hpp"
#include "common/errors.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr const char* schema =
    "SELECT to_regclass('core.tb_entity_change_log') IS NOT NULL AND to_regclass('core.tb_transport_checkpoint') IS NOT NULL, "
    "to_regclass('core.tb_observer_dlq') IS NOT NULL";

constexpr const char* checkpoint =
    "SELECT last_pk, (extract(epoch FROM clock_timestamp() - updated_at) * 1000)::bigint FROM core.tb_transport_checkpoint "
    "WHERE transport_name = $1";

// The lock of ChangeLog::try_lead: a bigint, whose halves are classid and objid.
constexpr const char* lock = R"(
SELECT coalesce(a.application_name, ''), coalesce(host(a.client_addr), '')
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended('fraiseql bridge ' || $1, 0))";

}  // namespace

ReaderView look_at_reader(const std::string& url, const std::string& transport_name) {
  Postgres::Options options;
  options.application_name = "fraiseql status";
  options.statement_timeout = 5s;
  Postgres postgres(url, options);
  ReaderView view;
  try {
    const Rows there = postgres.exec(schema);
    view.schema = there.text(0, 0) == "t";
    if (!view.schema) return view;
    const Rows place = postgres.exec(checkpoint, {transport_name});
    view.known = !place.empty();
    if (view.known) {
      view.cursor = place.integer(0, 0);
      view.saved_seconds_ago = std::max(0.0, static_cast<double>(place.integer(0, 1)) / 1000);
    }
    const Rows holder = postgres.exec(lock, {transport_name});
    view.led = !holder.empty();
    if (view.led) {
      view.led_by = holder.text(0, 0);
      if (const std::string_view address = holder.text(0, 1); !address.empty()) view.led_by += " at " + std::string(address);
    }
    if (const Rows row = postgres.exec(reading_sql::waiting, {std::to_string(view.cursor)}); !row.empty())
      view.waiting = {row.integer(0, 0), std::max(0.0, static_cast<double>(row.integer(0, 1)) / 1000), std::string(row.text(0, 2))};
    if (there.text(0, 1) == "t")
      view.letters = postgres.exec("SELECT count(*) FROM core.tb_observer_dlq WHERE transport_name = $1", {transport_name}).integer(0, 0);
  } catch (const SqlError& e) {
    throw DatabaseUnavailable(std::string("look at the change log: ") + e.what() + " (SQLSTATE " + e.sqlstate + ")");
  }
  return view;
}

}  // namespace fraiseql
