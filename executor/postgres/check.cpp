#include <iostream>
#include <string>

#include "common/change_log.hpp"
#include "common/errors.hpp"
#include "executor/postgres/session.hpp"
#include "executor/postgres/store.hpp"

namespace fraiseql {
namespace {

// What is done with each table. A function of an action is looked up by name, whatever its arguments.
constexpr const char* missing_rights = R"(
SELECT 'right ' || right_ || ' on ' || table_ || ' is missing for role ' || current_user
FROM (VALUES ('core.tb_entity_change_log', 'SELECT'), ('core.tb_transport_checkpoint', 'SELECT'), ('core.tb_transport_checkpoint', 'INSERT'),
  ('core.tb_transport_checkpoint', 'UPDATE'), ('core.tb_transport_checkpoint_history', 'SELECT'), ('core.tb_transport_checkpoint_history', 'INSERT'),
  ('core.tb_transport_checkpoint_history', 'DELETE'), ('core.tb_observer_dlq', 'SELECT'), ('core.tb_observer_dlq', 'INSERT'),
  ('core.tb_observer_progress', 'SELECT'), ('core.tb_observer_progress', 'INSERT'), ('core.tb_observer_progress', 'DELETE')) AS needed(table_, right_)
WHERE NOT has_table_privilege(table_, right_)
UNION ALL
SELECT 'row security hides rows of core.tb_entity_change_log from role ' || current_user
WHERE row_security_active('core.tb_entity_change_log'))";

constexpr const char* function_state = R"(
SELECT count(*), coalesce(bool_or(has_function_privilege(p.oid, 'EXECUTE')), false) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE CASE WHEN strpos($1, '.') > 0 THEN n.nspname || '.' || p.proname = $1 ELSE p.proname = $1 AND pg_function_is_visible(p.oid) END)";

}  // namespace

bool check_postgres(const ExecutorConfig& config) {
  const ChangeLogConfig& from = config.change_log;
  bool good = true;
  const auto wrong = [&](const std::string& line) {
    std::cout << line << "\n";
    good = false;
  };
  try {
    Postgres postgres(from.database_url, {});
    ChangeLog change_log(from.database_url, from.transport_name, from.start_from_now, "fraiseql executor --check");
    ObserverStore(from.database_url, from.transport_name).check_schema();
    const Rows rights = postgres.exec(missing_rights);
    for (int row = 0; row < rights.size(); ++row) wrong(std::string(rights.text(row, 0)));
    for (const ObserverConfig& observer : config.observers)
      for (const ActionConfig& action : observer.actions) {
        if (!observer.enabled || action.type != "database") continue;
        const Rows found = postgres.exec(function_state, {action.function_name});
        if (found.integer(0, 0) == 0)
          wrong(action.origin + ": function " + action.function_name + " does not exist");
        else if (found.text(0, 1) != "t")
          wrong(action.origin + ": right EXECUTE on function " + action.function_name + " is missing");
      }
    if (good) std::cout << "ok: change log, checkpoint " << from.transport_name << ", dead letters\n";
  } catch (const ConfigError& e) {
    wrong(e.what());
  } catch (const Unavailable& e) {
    wrong(e.what());
  } catch (const SqlError& e) {
    wrong(e.what());
  }
  return good;
}

}  // namespace fraiseql
