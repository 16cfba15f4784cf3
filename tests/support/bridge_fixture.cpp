#include "tests/support/bridge_fixture.hpp"
#include "tests/support/programs.hpp"

#include <ostream>
#include <set>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

namespace fraiseql::test {

std::string BridgeFixture::configuration(const std::map<std::string, std::string>& more) const {
  std::map<std::string, std::string> tables{{"transport", "transport = \"nats\"\nrun_bridge = true\nrun_executors = false\n"},
                                            {"transport.nats", "url = \"" + nats.url() + "\"\n"},
                                            {"health", "status_endpoint = \"ipc://" + (directory / "status").string() + "\"\n"}};
  for (const auto& [table, lines] : more) tables[table] += lines;
  std::string text;
  for (const auto& [table, lines] : tables) text += "[" + table + "]\n" + lines;
  return directory.file(unique("observer") + ".toml", text).string();
}

Child BridgeFixture::start(const std::string& file) const {
  Child::Options options;
  options.environment["DATABASE_URL"] = database;
  options.directory = directory.path().string();
  return Child({PG2NATS_BRIDGE, "--config", file}, options);
}

void BridgeFixture::insert(int count, int entities) const {
  sql(database, "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, object_data) SELECT 'Order', 'UPDATE', "
                "('00000000-0000-4000-8000-' || lpad((i % " + std::to_string(entities) + ")::text, 12, '0'))::uuid, jsonb_build_object('n', i) FROM generate_series(1, " +
                    std::to_string(count) + ") i");
}

bool BridgeFixture::reaches(std::uint64_t count, std::chrono::seconds limit) const {
  return eventually([&] {
    try {
      return stored() >= count;
    } catch (const std::exception&) {
      return false;  // the server is being restarted
    }
  }, limit);
}

BridgeFixture::Audit BridgeFixture::audit() const {
  Audit audit;
  std::unordered_map<std::string, std::string> rows;  // id -> entity
  std::istringstream table(sql(database, "SELECT id || ' ' || coalesce(object_id::text, '') FROM core.tb_entity_change_log"));
  for (std::string line; std::getline(table, line);) rows[line.substr(0, 36)] = line.substr(37);
  std::unordered_set<std::string> seen;
  std::unordered_map<std::string, std::int64_t> last;
  for (const StreamMessage& message : reader.all("fraiseql_events")) {
    const auto row = rows.find(message.id);
    if (row == rows.end()) ++audit.foreign;
    else if (!seen.insert(message.id).second) ++audit.duplicated;
    else if (!row->second.empty()) {
      std::int64_t& before = last[row->second];
      if (message.pk < before) ++audit.reordered;
      before = message.pk;
    }
  }
  audit.lost = rows.size() - seen.size();
  return audit;
}

std::ostream& operator<<(std::ostream& out, const BridgeFixture::Audit& audit) {
  return out << "lost " << audit.lost << ", duplicated " << audit.duplicated << ", foreign " << audit.foreign << ", reordered " << audit.reordered;
}

}  // namespace fraiseql::test
