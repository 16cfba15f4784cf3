#include "cli/capture_catalog.hpp"

#include "cli/capture_sql.hpp"
#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/sql_name.hpp"

namespace fraiseql {
namespace {

Postgres connect(const General& general) {
  Sources sources = general.sources;
  sources.users = for_bridge;  // a webhook's secret need not be set for this
  Postgres::Options limits;
  limits.application_name = "fraiseql capture";
  return Postgres(database_url(load(sources)), limits);
}

}  // namespace

CaptureCatalog::CaptureCatalog(const General& general) : postgres_(connect(general)) {
  if (postgres_.server_version() < 130000) throw ConfigError("PostgreSQL 13 or later is needed");
  if (postgres_.exec("SELECT pg_is_in_recovery()").text(0, 0) == "t") throw Unavailable("this server is a standby: ask the primary");
  const Rows found = postgres_.exec(capture_sql::function);
  if (found.empty()) throw ConfigError("this database has no core.fn_capture_change(); run: fraiseql migrate");
  function_ = found.text(0, 0);
  may_execute_ = found.text(0, 1) == "t";
  role_ = found.text(0, 2);
  runs_as_ = found.text(0, 3);
  may_insert_ = found.text(0, 4) == "t";
  row_security_ = found.text(0, 5) == "t";
}

void CaptureCatalog::require_use() const {
  if (!may_execute_)
    throw ConfigError("role " + role_ + " may not use core.fn_capture_change(); run: GRANT EXECUTE ON FUNCTION core.fn_capture_change() TO " + role_);
  const std::string who = "captured changes are written as " + runs_as_ + ", the owner of core.fn_capture_change(), ";
  if (!may_insert_)
    throw ConfigError(who + "who may not: every write to the table would fail; run: GRANT USAGE ON SCHEMA core TO " + runs_as_ +
                      "; GRANT INSERT ON core.tb_entity_change_log TO " + runs_as_ + "; GRANT USAGE ON SEQUENCE core.seq_entity_change_log TO " + runs_as_);
  if (row_security_)
    throw ConfigError(who + "for whom row security of core.tb_entity_change_log holds: writes to the table could fail; run: ALTER ROLE " + runs_as_ +
                      " BYPASSRLS, or ALTER FUNCTION core.fn_capture_change() OWNER TO the owner of that table");
}

Relation CaptureCatalog::relation(const std::string& said) {
  const std::string name = quoted_name(said).value();
  const Rows found = postgres_.exec(capture_sql::relation, {name});
  if (found.empty()) {
    std::string why = "there is no table " + said + (name.find("\".\"") == name.npos ? " in the search_path; write schema.table" : "");
    const Rows similar = postgres_.exec(capture_sql::similar, {name});
    for (int row = 0; row < similar.size(); ++row) why += (row == 0 ? "; there is " : ", ") + std::string(similar.text(row, 0));
    if (!similar.empty() && similar.text(0, 0).find('"') != std::string_view::npos)
      why += " (in a shell: '" + std::string(similar.text(0, 0)) + "')";
    throw NotThis(why);
  }
  const auto text = [&](int column) { return std::string(found.text(0, column)); };
  return {.oid = text(0), .name = text(1), .schema = text(8), .kind = text(2), .root = text(4), .temporary = text(3) == "t",
          .system = text(5) == "t", .ours = text(6) == "t", .reachable = text(7) == "t"};
}

std::vector<Member> CaptureCatalog::members(const std::string& oid) {
  const Rows rows = postgres_.exec(capture_sql::members, {oid, function_});
  std::vector<Member> made;
  for (int row = 0; row < rows.size(); ++row) {
    const auto text = [&](int column) { return std::string(rows.text(row, column)); };
    made.push_back({.oid = text(0), .name = text(1), .owner = text(2), .may_add = text(3) == "t", .may_remove = text(4) == "t",
                    .triggers = static_cast<int>(rows.integer(row, 5)), .disabled = static_cast<int>(rows.integer(row, 6)),
                    .entity = text(7), .pre_image = text(8) == "t"});
  }
  return made;
}

std::optional<Key> CaptureCatalog::key(const std::string& oid) {
  const Rows found = postgres_.exec(capture_sql::key, {oid});
  if (found.empty()) return std::nullopt;
  return Key{std::string(found.text(0, 0)), std::string(found.text(0, 1)), found.text(0, 2) == "t"};
}

std::vector<std::string> CaptureCatalog::captured() {
  const Rows found = postgres_.exec(capture_sql::captured, {function_});
  std::vector<std::string> oids;
  for (int row = 0; row < found.size(); ++row) oids.emplace_back(found.text(row, 0));
  return oids;
}

std::string CaptureCatalog::row_triggers(const std::string& oid) { return words(capture_sql::row_triggers, oid); }
std::string CaptureCatalog::relatives(const std::string& oid) { return words(capture_sql::relatives, oid); }

std::string CaptureCatalog::words(const char* question, const std::string& oid) {
  const Rows found = postgres_.exec(question, {oid});
  return found.empty() ? "" : std::string(found.text(0, 0));
}

}  // namespace fraiseql
