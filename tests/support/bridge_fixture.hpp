#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/servers.hpp"
#include "tests/support/stream_reader.hpp"

namespace fraiseql::test {

/// A fresh migrated database and a nats-server of its own, with a configuration of a bridge between them.
struct BridgeFixture {
  NatsServer nats;
  std::string database = migrated_database();
  TempDir directory;
  StreamReader reader{nats.url()};

  /// Writes the configuration; `more` lines go to their tables: "transport.bridge" -> "batch_size = 10\n".
  std::string configuration(const std::map<std::string, std::string>& more = {}) const;
  Child start(const std::string& configuration) const;
  Child start() const { return start(configuration()); }

  /// Inserts `count` rows of `entities` entities in turn, by one statement; data holds entity number and its change's number.
  void insert(int count, int entities = 100) const;
  std::uint64_t stored() const { return reader.count("fraiseql_events"); }
  bool reaches(std::uint64_t count, std::chrono::seconds limit = std::chrono::seconds(60)) const;

  struct Audit {
    std::size_t lost = 0, duplicated = 0, foreign = 0, reordered = 0;
    bool clean() const { return lost + duplicated + foreign + reordered == 0; }
  };
  /// The stream against the table, row by row: by id, and per entity by pk.
  Audit audit() const;
};
std::ostream& operator<<(std::ostream& out, const BridgeFixture::Audit& audit);

}  // namespace fraiseql::test
