#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/subcommand.hpp"
#include "common/postgres.hpp"

// What `fraiseql capture` asks the server's catalog.
namespace fraiseql {

/// What was asked for does not go with this table; the words say why, and what will. Exit code 1.
struct NotThis : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Whatever a name in pg_class can stand for. Names are quoted where SQL needs it.
struct Relation {
  std::string oid, name, schema;
  std::string kind;  ///< pg_class.relkind
  std::string root;  ///< of a partition: the partitioned table at the top; else empty
  bool temporary, system, ours, reachable;
};

/// A table, or a partition of it, and the triggers of ours that it has.
struct Member {
  std::string oid, name, owner;
  bool may_add, may_remove;
  int triggers, disabled;
  std::string entity;
  bool pre_image;
};

/// The primary key of a table: the names of its columns, and whether it is a single UUID.
struct Key {
  std::string json, text;
  bool in_object_id;
};

/// A connection for the commands of `fraiseql capture`. Throws ConfigError for an older schema, Unavailable; SqlError passes
/// through.
class CaptureCatalog {
 public:
  explicit CaptureCatalog(const General& general);
  Postgres& postgres() { return postgres_; }
  const std::string& role() const { return role_; }  ///< whom we are, quoted where SQL needs it

  /// Throws ConfigError unless this role may make triggers that call our function, and what it does as its owner will work.
  void require_use() const;
  /// `said` is a name as in SQL. Throws NotThis, with names that could be meant, when there is none.
  Relation relation(const std::string& said);
  std::vector<Member> members(const std::string& oid);  ///< the table itself, then its partitions
  std::optional<Key> key(const std::string& oid);       ///< nullopt: it has no primary key
  std::vector<std::string> captured();                  ///< oids of all captured tables, partitions of captured ones left out
  std::string row_triggers(const std::string& oid);     ///< names of triggers that fire before ours; empty: none
  std::string relatives(const std::string& oid);        ///< names of tables related by inheritance; empty: none

 private:
  std::string words(const char* question, const std::string& oid);
  Postgres postgres_;
  std::string function_, role_, runs_as_;
  bool may_execute_ = false, may_insert_ = false, row_security_ = false;
};

}  // namespace fraiseql
