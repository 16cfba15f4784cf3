#include "cli/capture.hpp"

#include <sysexits.h>

#include <algorithm>
#include <array>
#include <iostream>

#include "cli/capture_catalog.hpp"
#include "cli/letter_text.hpp"
#include "cli/short_locks.hpp"
#include "common/errors.hpp"
#include "common/sql_name.hpp"
#include "common/subject.hpp"
#include "common/text.hpp"

namespace fraiseql {
namespace {

struct TriggerKind {
  const char *name, *event, *referencing;
};

// Those of one kind fire in the order of their names. Ours come first: what another one does to the same table must be captured
// after what it was fired by.
constexpr std::array<TriggerKind, 3> operations{{
    {"00_fraiseql_capture_insert", "INSERT", "NEW TABLE AS changed_rows"},
    {"00_fraiseql_capture_update", "UPDATE", "OLD TABLE AS old_rows NEW TABLE AS changed_rows"},
    {"00_fraiseql_capture_delete", "DELETE", "OLD TABLE AS changed_rows"},
}};
constexpr int whole = static_cast<int>(operations.size());

/// Runs one of the commands; what is to be mended is said in a line.
template <class Command>
int answering(Command command) try {
  return command();
} catch (const NotThis& e) {
  std::cerr << "fraiseql: " << one_line(e.what()) << std::endl;
  return 1;
} catch (const SqlError& e) {
  if (e.sqlstate == "42710") {
    std::cerr << "fraiseql: another fraiseql capture add was quicker; see: fraiseql capture list" << std::endl;
    return 1;
  }
  throw ConfigError(std::string(e.what()) + " (SQLSTATE " + e.sqlstate + ")");
}

void require_table(const Relation& table, const std::string& role) {
  if (!table.reachable) throw ConfigError(table.name + ": no right to look into its schema; run: GRANT USAGE ON SCHEMA " + table.schema + " TO " + role);
  if (table.ours) throw NotThis(table.name + " belongs to the pipeline itself and cannot be captured");
  if (table.system) throw NotThis(table.name + " belongs to PostgreSQL and cannot be captured");
  if (table.kind == "v" || table.kind == "m") throw NotThis(table.name + " is a view: capture the tables that it shows");
  if (table.kind == "f") throw NotThis(table.name + " is a foreign table: capture it in the database where it is");
  if (table.kind != "r" && table.kind != "p") throw NotThis(table.name + " is no table");
  if (table.temporary) throw NotThis(table.name + " is a temporary table and cannot be captured");
  if (!table.root.empty())
    throw NotThis(table.name + " is a partition, and statements that name " + table.root + " would not be captured; run: fraiseql capture add " + table.root);
}

std::string how(const Member& table) { return table.entity + (table.pre_image ? ", with pre-images" : ", without pre-images"); }

/// Those that have no triggers of ours yet.
std::vector<Member> to_capture(const std::vector<Member>& members, const CaptureOptions& options, const std::string& role) {
  const std::string& name = members.front().name;
  std::vector<Member> missing;
  for (const Member& member : members) {
    if (member.triggers == 0) {
      missing.push_back(member);
      continue;
    }
    if (member.triggers != whole)
      throw NotThis(member.name + " has only some of the triggers; run: fraiseql capture remove " + name + ", then capture add");
    if (member.entity != options.entity || member.pre_image != options.pre_image)
      throw NotThis(member.name + " is captured already, as " + how(member) + "; to change that: fraiseql capture remove " + name +
                    ", then capture add (changes in between are not captured)");
  }
  if (missing.empty()) throw NotThis(name + " is captured already, as " + how(members.front()));
  for (const Member& member : missing)
    if (!member.may_add)
      throw ConfigError("no right to make triggers on " + member.name + "; run as its owner, " + member.owner + ", or: GRANT TRIGGER ON " + member.name +
                        " TO " + role);
  return missing;
}

/// Table after table, each in a short transaction, so that no writer waits for the locks of many. `statements_for` a table are
/// sent at once, for from the first one on writers wait.
template <class Statements>
void table_by_table(Postgres& postgres, const std::vector<Member>& tables, Statements statements_for) {
  std::size_t done = 0;
  try {
    for (const Member& table : tables) {
      with_short_locks(postgres, "capture", table.name, [&] { postgres.exec(statements_for(table)); });
      ++done;
    }
  } catch (...) {
    if (done > 0) std::cerr << "capture: " << done << " of " << tables.size() << " tables are done; run the same command again" << std::endl;
    throw;
  }
}

std::string key_in(const Key& key) { return key.in_object_id ? "object_id" : "entity_key"; }

std::string json_list(const std::vector<std::string>& texts) {
  std::string made = "[";
  for (const std::string& text : texts) made += (made.size() > 1 ? "," : "") + json_text(text);
  return made + "]";
}

std::string json_members(const Member& table, const std::optional<Key>& key, std::size_t partitions) {
  return "\"table\":" + json_text(table.name) + ",\"entity\":" + json_text(table.entity) + ",\"key\":" + (key ? key->json : "null") +
         ",\"key_in\":" + (key ? json_text(key_in(*key)) : "null") + ",\"pre_image\":" + (table.pre_image ? "true" : "false") +
         ",\"partitions\":" + std::to_string(partitions);
}

std::vector<std::string> notes_on(CaptureCatalog& catalog, const Relation& table) {
  std::vector<std::string> notes;
  if (const std::string names = catalog.row_triggers(table.oid); !names.empty())
    notes.push_back("FOR EACH ROW triggers fire before a statement is captured: if " + names + " changes " + table.name +
                    " itself, that change stands in the log before the one that fired it");
  if (const std::string names = catalog.relatives(table.oid); !names.empty())
    notes.push_back("by inheritance it is related to " + names + ": a statement is captured when the table that it names is; add them too");
  if (table.kind == "p") notes.push_back("statements that name a partition which is made later are captured after another: fraiseql capture add " + table.name);
  return notes;
}

std::vector<std::string> problems_of(const std::vector<Member>& members, const std::optional<Key>& key) {
  const Member& table = members.front();
  std::vector<std::string> problems;
  if (!key) problems.push_back("it has no primary key any more: its changes go out without a key and in no order; add one");
  std::string bare;
  for (const Member& member : members) {
    if (member.triggers == 0) bare += (bare.empty() ? "" : ", ") + member.name;
    else if (member.triggers != whole)
      problems.push_back("of " + member.name + " some triggers are missing: not all changes are captured; run: fraiseql capture remove " + table.name +
                         ", then capture add");
    if (member.disabled > 0) problems.push_back("triggers of " + member.name + " are disabled: not all changes are captured; see ALTER TABLE ... ENABLE TRIGGER");
    if (member.triggers > 0 && (member.entity != table.entity || member.pre_image != table.pre_image))
      problems.push_back(member.name + " is captured in another way, as " + how(member));
  }
  if (!bare.empty())
    problems.push_back("statements that name these partitions are not captured: " + bare + "; run: fraiseql capture add " + table.name + " --entity " +
                       table.entity + (table.pre_image ? " --pre-image" : ""));
  return problems;
}

}  // namespace

std::string table_complaint(const std::string& text) {
  const auto name = quoted_name(text);
  if (name) return "";
  const std::string what = name.error().what;
  return text + ": " + (what.find("63") != what.npos ? what : "not the name of a table, such as shop.orders or '\"Shop\".\"Orders\"'");
}

std::string entity_complaint(const std::string& text) {
  if (text.empty()) return "an entity has a name";
  std::string_view left = text;
  while (!left.empty()) {
    const std::size_t size = utf8_character(left);
    if (size == 0) return "an entity's name is UTF-8";
    if (size == 1 && (static_cast<unsigned char>(left.front()) < 0x20 || left.front() == 0x7f)) return "an entity's name has no control characters";
    left.remove_prefix(size);
  }
  return entity_token(text) ? "" : "an entity's name has at most " + std::to_string(max_token_bytes) + " bytes in the subject";
}

int capture_add(const General& general, const CaptureOptions& options, std::ostream& out) {
  return answering([&] {
    CaptureCatalog catalog(general);
    catalog.require_use();
    const Relation table = catalog.relation(options.table);
    require_table(table, catalog.role());
    std::vector<Member> members = catalog.members(table.oid);
    const auto key = catalog.key(table.oid);
    if (!key)
      throw NotThis(table.name + " has no primary key, by which a change tells what it is about; run: ALTER TABLE " + table.name + " ADD PRIMARY KEY (...)");
    const std::vector<Member> missing = to_capture(members, options, catalog.role());
    const std::string arguments = quoted_literal(options.entity) + (options.pre_image ? ", 'pre_image'" : "");
    table_by_table(catalog.postgres(), missing, [&](const Member& member) {
      std::string all;
      for (const auto& [name, event, referencing] : operations)
        all += std::string("CREATE TRIGGER \"") + name + "\" AFTER " + event + " ON " + member.name + " REFERENCING " + referencing +
               " FOR EACH STATEMENT EXECUTE FUNCTION core.fn_capture_change(" + arguments + ");";
      return all;
    });

    members.front().entity = options.entity;
    members.front().pre_image = options.pre_image;
    const auto notes = notes_on(catalog, table);
    if (general.json) {
      out << "{" << json_members(members.front(), key, members.size() - 1) << ",\"not_captured\":" << json_list({"TRUNCATE", "session_replication_role = replica"})
          << ",\"notes\":" << json_list(notes) << "}" << std::endl;
      return EX_OK;
    }
    out << one_line(table.name + " is captured from now on as " + how(members.front()) + "; its key (" + key->text + ") goes into " +
                    (key->in_object_id ? "object_id" : "extra_metadata.entity_key"))
        << "\n";
    if (members.size() > 1) out << "with " << members.size() - 1 << " partitions, of which " << missing.size() - (missing.front().oid == table.oid ? 1 : 0) << " are new\n";
    out << "not captured: rows that are there already; TRUNCATE; what a session with session_replication_role = replica writes, as\n"
           "  logical replication does\n";
    for (const std::string& note : notes) out << "note: " << one_line(note) << "\n";
    out.flush();
    return EX_OK;
  });
}

int capture_remove(const General& general, const CaptureOptions& options, std::ostream& out) {
  return answering([&] {
    CaptureCatalog catalog(general);
    const Relation table = catalog.relation(options.table);
    std::vector<Member> members = catalog.members(table.oid);
    if (!table.root.empty()) {
      const auto family = catalog.members(catalog.relation(table.root).oid);
      if (family.front().triggers > 0) throw NotThis(table.name + " is captured with " + table.root + "; run: fraiseql capture remove " + table.root);
    }
    std::erase_if(members, [](const Member& member) { return member.triggers == 0; });
    if (members.empty()) throw NotThis(table.name + " is not captured; see: fraiseql capture list");
    for (const Member& member : members)
      if (!member.may_remove) throw ConfigError("no right to drop triggers of " + member.name + "; run as its owner, " + member.owner);
    table_by_table(catalog.postgres(), members, [&](const Member& member) {
      std::string all;
      for (const TriggerKind& operation : operations) all += std::string("DROP TRIGGER IF EXISTS \"") + operation.name + "\" ON " + member.name + ";";
      return all;
    });
    if (general.json) out << "{\"table\":" << json_text(table.name) << ",\"removed\":true}" << std::endl;
    else out << one_line(table.name) << " is captured no more; what is in the change log stays" << std::endl;
    return EX_OK;
  });
}

int capture_list(const General& general, std::ostream& out) {
  return answering([&] {
    CaptureCatalog catalog(general);
    const auto tables = catalog.captured();
    int code = EX_OK;
    if (general.json) out << "{\"tables\":[";
    for (const std::string& oid : tables) {
      const auto members = catalog.members(oid);
      const auto key = catalog.key(oid);
      const auto problems = problems_of(members, key);
      if (!problems.empty()) code = 1;
      if (general.json) {
        out << (&oid == &tables.front() ? "\n{" : ",\n{") << json_members(members.front(), key, members.size() - 1) << ",\"problems\":" << json_list(problems) << "}";
        continue;
      }
      out << one_line(members.front().name + "  " + how(members.front()) + "; key (" + (key ? key->text + ") in " + key_in(*key) : "none)"));
      if (members.size() > 1) out << "; " << members.size() - 1 << " partitions";
      out << "\n";
      for (const std::string& problem : problems) out << "  problem: " << one_line(problem) << "\n";
    }
    if (general.json) out << (tables.empty() ? "]}" : "\n]}") << std::endl;
    else if (tables.empty()) out << "no table is captured" << std::endl;
    out.flush();
    return code;
  });
}

}  // namespace fraiseql
