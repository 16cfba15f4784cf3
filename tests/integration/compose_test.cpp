// The composition for staging, executed as it stands: each service's command line, environment and mounted files come from
// compose.yaml. Only host:port pairs of the composition's network are replaced by those of the fixtures.
#define BOOST_TEST_MODULE compose
#include <boost/test/unit_test.hpp>

#include <rapidjson/document.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>

#include "tests/support/programs.hpp"
#include "tests/support/servers.hpp"

using namespace fraiseql::test;

namespace {

const std::string password = "staging";
using Texts = std::vector<std::string>;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

/// compose.yaml after its anchors are resolved, by an independent reader of YAML.
const rapidjson::Document& composition() {
  static const auto document = [] {
    const std::string file = std::string(SOURCE_DIR) + "/compose.yaml";
    const Finished read = run({"/usr/bin/python3", "-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))", file});
    if (read.status != 0) throw std::runtime_error("compose.yaml: " + read.err);
    auto parsed = std::make_unique<rapidjson::Document>();
    parsed->Parse(read.out);
    return parsed;
  }();
  return *document;
}

const rapidjson::Value& service(const char* name) { return composition()["services"][name]; }

Texts texts(const rapidjson::Value& array) {
  Texts list;
  for (const auto& item : array.GetArray()) list.emplace_back(item.GetString());
  return list;
}

int replicas(const char* name) { return service(name)["deploy"]["replicas"].GetInt(); }

/// Runs the composition's services on this machine. The programs are found by PATH, as they are in the image.
class Composition {
 public:
  Composition() {
    const std::string programs = std::filesystem::path(FRAISEQL_COMMAND).parent_path().string();
    setenv("PATH", (programs + ":" + std::getenv("PATH")).c_str(), 1);
    // What the image of PostgreSQL makes of its environment.
    const auto& postgres = service("postgres")["environment"];
    const std::string user = postgres["POSTGRES_USER"].GetString(), database = postgres["POSTGRES_DB"].GetString();
    const std::string admin = postgres_server().url("postgres");
    sql(admin, "CREATE ROLE " + user + " SUPERUSER LOGIN PASSWORD '" + password + "'");
    sql(admin, "CREATE DATABASE " + database + " OWNER " + user);
    database_ = postgres_server().url(database);
    const std::string tcp = postgres_server().tcp_url(database);
    const std::string postgres_address = tcp.substr(tcp.find('@') + 1, tcp.rfind('/') - tcp.find('@') - 1);
    const std::string status = "127.0.0.1:" + std::to_string(free_port());
    health_ = "127.0.0.1:" + std::to_string(free_port());
    addresses_ = {{"postgres:5432", postgres_address}, {"nats:4222", "127.0.0.1:" + std::to_string(nats_server().port())},
                  {"healthd:5560", status}, {"0.0.0.0:5560", status}, {"0.0.0.0:8080", health_}};
  }

  Child start(const char* name) { return start(name, texts(service(name)["command"])); }
  Child start(const char* name, const Texts& command) {
    Child::Options options;
    for (const auto& entry : service(name)["environment"].GetObject())
      options.environment[entry.name.GetString()] = translated(entry.value.GetString());
    options.directory = working_directory(name);
    return Child(command, options);
  }
  const std::string& database() const { return database_; }
  const std::string& health() const { return health_; }

 private:
  std::string translated(std::string value) const {
    value = replaced(value, "${POSTGRES_PASSWORD:?}", password);
    for (const auto& [from, to] : addresses_) {
      // Behind "@" or "//" or at the start, so that "nats:4222" is not found in another name.
      for (const std::string before : {"@", "//"}) value = replaced(value, before + from, before + to);
      if (value == from) value = to;
    }
    return value;
  }
  /// A folder with what the service mounts into the image's working directory.
  std::string working_directory(const char* name) {
    const TempDir& directory = directories_.emplace_back();
    for (const std::string& volume : texts(service(name)["volumes"])) {
      const auto colon = volume.find(':');
      const std::string target = volume.substr(colon + 1, volume.find(':', colon + 1) - colon - 1);
      const std::string inside = "/etc/fraiseql/";
      if (target.rfind(inside, 0) != 0) throw std::runtime_error("mounted outside of the working directory: " + volume);
      std::filesystem::copy(std::string(SOURCE_DIR) + "/" + volume.substr(0, colon), directory / target.substr(inside.size()));
    }
    return directory.path().string();
  }

  std::string database_, health_;
  std::vector<std::pair<std::string, std::string>> addresses_;
  std::list<TempDir> directories_;
};

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_row_arrives_and_all_is_healthy_when_the_services_run_as_they_stand_in_the_file) {
  Composition up;
  BOOST_TEST(up.start("migrate").wait() == 0);
  BOOST_TEST(up.start("migrate").wait() == 0);  // as at every later start of the composition

  std::list<Child> healthd, bridges, executors;
  healthd.push_back(up.start("healthd"));
  for (int i = 0; i < replicas("bridge"); ++i) bridges.push_back(up.start("bridge"));
  for (int i = 0; i < replicas("executor"); ++i) executors.push_back(up.start("executor"));
  BOOST_TEST(bridges.size() == 2u);

  const std::string id = sql(up.database(), "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_data) "
                                            "VALUES ('Order', 'INSERT', '{\"id\": 1}') RETURNING id");
  const auto lines = [&] {
    std::size_t found = 0;
    for (const Child& executor : executors) found += count(executor.err(), id);
    return found;
  };
  const auto said = [&] {
    std::string all = nats_server().running() ? "" : "nats-server ended: " + nats_server().log();
    for (const auto* list : {&healthd, &bridges, &executors})
      for (const Child& child : *list) all += child.err();
    return all;
  };
  BOOST_REQUIRE_MESSAGE(eventually([&] { return lines() >= 1; }, std::chrono::seconds(60)), said());

  Texts check = texts(service("healthd")["healthcheck"]["test"]);
  BOOST_REQUIRE(check.at(0) == "CMD");
  check.erase(check.begin());
  BOOST_TEST(up.start("healthd", check).wait() == 0);
  const auto health = [&] { return run({"/usr/bin/python3", "-c", "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())",
                                        "http://" + up.health() + "/health"}).out; };
  BOOST_TEST_MESSAGE(health());
  BOOST_TEST(eventually([&] { return health().find("\"status\":\"ok\",\"databases\"") != std::string::npos; }), health());

  for (auto* list : {&executors, &bridges, &healthd})
    for (Child& child : *list) {
      child.signal(SIGTERM);
      BOOST_TEST(child.wait() == 0);
    }
  BOOST_TEST(lines() == 1u);  // although two bridges ran, and two executors
  BOOST_TEST(up.start("healthd", check).wait() == 1);  // the health check of a healthd that is gone
}

BOOST_AUTO_TEST_CASE(our_services_run_without_root_without_capabilities_and_on_a_read_only_root) {
  for (const char* name : {"migrate", "bridge", "executor", "healthd"}) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(service(name)["read_only"].GetBool());
      BOOST_TEST((texts(service(name)["cap_drop"]) == Texts{"ALL"}));
      BOOST_TEST(std::string(service(name)["user"].GetString()) == "10001:10001");
      BOOST_TEST(std::string(service(name)["restart"].GetString()) == (std::string(name) == "migrate" ? "no" : "unless-stopped"));
    }
  }
}
