// The whole pipeline under load while each of its programs is killed at random moments, and both servers are restarted.
#define BOOST_TEST_MODULE pipeline_kill
#include <signal.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support/bridge_fixture.hpp"
#include "tests/support/http.hpp"
#include "tests/support/webhook_receiver.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

constexpr int writers = 4, transactions_each = 100, rows_each = 50;  // 20,000 rows drawn, a tenth of them rolled back
constexpr int kills = 32;

struct PipelineFixture : BridgeFixture {
  WebhookReceiver receiver;
  int health_port = free_port();
  std::string file;

  PipelineFixture() {
    file = configuration({{"transport.nats.jetstream", "ack_wait_secs = 3\n"}, {"health", "listen = \"127.0.0.1:" + std::to_string(health_port) + "\"\n"},
                          {"security", "allow_networks = [\"127.0.0.0/8\"]\n"}});
    std::string text = read_file(file);
    text.replace(text.find("run_executors = false"), 21, "run_executors = true");
    text += "[[observers]]\nname = \"all\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + receiver.url("/all") + "\"\n";
    file = directory.file("pipeline.toml", text).string();
  }
  Child program(const char* path, const std::string& instance) const {
    Child::Options options;
    options.environment["DATABASE_URL"] = database;
    options.directory = directory.path().string();
    return Child({path, "--config", file, "--instance", instance, "--log-level", "warn"}, options);
  }
  std::string health() const { return http_get(health_port, "/health").body; }
  std::size_t acted_on() const {
    std::set<std::string> ids;
    for (const auto& request : receiver.requests("/all")) ids.insert(request.headers.at("webhook-id"));
    return ids.size();
  }
  std::string consumer() const { return reader.link().api("CONSUMER.INFO.fraiseql_events.fraiseql_observer_worker").json; }
};

// One client: transactions of several changes of a few entities, a tenth of them rolled back.
void write_changes(const std::string& database, int writer, unsigned seed) {
  std::mt19937 dice(seed);
  for (int t = 0; t < transactions_each; ++t) {
    std::ostringstream text;
    text << "BEGIN;";
    for (int r = 0; r < rows_each; ++r) {
      const unsigned entity = static_cast<unsigned>(writer) * 10 + static_cast<unsigned>(dice() % 10);
      text << "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, object_data) VALUES ('Order', 'UPDATE', md5('" << entity
           << "')::uuid, '{\"writer\": " << writer << ", \"t\": " << t << ", \"r\": " << r << "}');";
    }
    text << (t % 10 == 9 ? "ROLLBACK" : "COMMIT");
    // PostgreSQL may be away for a moment; a transaction whose outcome is unknown is simply not repeated: the table is the truth.
    try {
      sql(database, text.str());
    } catch (const std::exception&) {
      std::this_thread::sleep_for(200ms);
    }
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pipeline_kill, PipelineFixture)

BOOST_AUTO_TEST_CASE(whatever_is_killed_each_change_is_stored_once_in_order_and_acted_on) {
  const char* given = std::getenv("FRAISEQL_TEST_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::fprintf(stderr, "seed %u\n", seed);
  std::mt19937 dice(seed);

  const std::vector<std::pair<const char*, std::string>> parts = {
      {PG2NATS_BRIDGE, "bridge-1"}, {PG2NATS_BRIDGE, "bridge-2"}, {EXECUTOR, "executor-1"}, {EXECUTOR, "executor-2"}, {HEALTHD, "healthd"}};
  std::vector<std::optional<Child>> running(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) running[i].emplace(program(parts[i].first, parts[i].second));

  std::vector<std::thread> clients;
  for (int writer = 0; writer < writers; ++writer) clients.emplace_back(write_changes, database, writer, seed + static_cast<unsigned>(writer));

  std::map<std::string, int> killed;
  for (int kill = 0; kill < kills; ++kill) {
    eventually([] { return false; }, std::chrono::milliseconds(dice() % 500));  // a random moment
    const std::size_t which = static_cast<std::size_t>(kill) < parts.size() ? static_cast<std::size_t>(kill) : dice() % parts.size();
    BOOST_TEST(running[which]->running(), parts[which].second << " ended by itself: " << running[which]->err());
    running[which]->kill();
    ++killed[parts[which].second.substr(0, parts[which].second.find('-'))];
    running[which].emplace(program(parts[which].first, parts[which].second));
    if (kill == kills / 3 || kill == 2 * kills / 3) nats.restart();
    if (kill == kills / 2) postgres_server().restart();
  }
  for (auto& client : clients) client.join();

  const auto rows = static_cast<std::size_t>(std::stoul(sql(database, "SELECT count(*) FROM core.tb_entity_change_log")));
  BOOST_TEST(reaches(rows));
  BOOST_TEST(eventually([&] { return acted_on() >= rows; }, 90s), acted_on() << " of " << rows << " acted on; consumer: " << consumer());
  const Audit stream = audit();
  BOOST_TEST(stream.clean(), stream);

  // What the receiver got is what the table holds, byte for byte; a repeat carries the same id.
  std::map<std::string, std::string> data;
  std::istringstream table(sql(database, "SELECT id || object_data::text FROM core.tb_entity_change_log"));
  for (std::string line; std::getline(table, line);) data[line.substr(0, 36)] = line.substr(36);
  std::size_t phantom = 0, corrupted = 0, repeats = 0;
  std::set<std::string> seen;
  for (const auto& request : receiver.requests("/all")) {
    const std::string& id = request.headers.at("webhook-id");
    const auto row = data.find(id);
    if (row == data.end()) ++phantom;
    else if (!request.body.ends_with("\"data\":" + row->second + "}")) ++corrupted;
    repeats += !seen.insert(id).second;
  }
  std::fprintf(stderr, "rows %zu, kills: bridge %d, executor %d, healthd %d; actions repeated %zu\n", rows, killed["bridge"], killed["executor"],
               killed["healthd"], repeats);
  BOOST_TEST(phantom == 0u);
  BOOST_TEST(corrupted == 0u);
  // Each kill of an executor, and each restart of the broker, repeats at most what two executors held.
  BOOST_TEST(repeats <= static_cast<std::size_t>(killed["executor"] + 2) * 2000);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 0u);
  BOOST_TEST(eventually([&] { return consumer().find("\"num_ack_pending\":0") != std::string::npos; }, 60s), consumer());
  BOOST_TEST(eventually([&] { return health().starts_with("{\"status\":\"ok\""); }, 60s), http_get(health_port, "/health?verbose").body);

  // A clean stop of all of them: exit code 0, and nothing is done again.
  const std::size_t requests = receiver.requests("/all").size();
  for (auto& part : running) part->signal(SIGTERM);
  for (auto& part : running) BOOST_TEST(part->wait() == 0);
  BOOST_TEST(receiver.requests("/all").size() == requests);
}

BOOST_AUTO_TEST_CASE(two_hundred_thousand_waiting_rows_are_drained_in_flat_memory) {
  insert(200'000, 20'000);
  Child bridge = program(PG2NATS_BRIDGE, "bridge");
  BOOST_REQUIRE(reaches(200'000, 120s));
  const std::string status = read_file("/proc/" + std::to_string(bridge.pid()) + "/status");
  const long peak_kb = std::atol(status.c_str() + status.find("VmHWM:") + 6);
  std::fprintf(stderr, "bridge: %ld kB at most\n", peak_kb);
#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__
  BOOST_TEST(peak_kb < 40 * 1024);
#endif
#endif
  BOOST_TEST(audit().clean(), audit());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(health, PipelineFixture)

BOOST_AUTO_TEST_CASE(health_goes_down_and_up_with_each_part) {
  const auto says = [&](const char* verdict) {
    return eventually([&] { return health().starts_with(std::string("{\"status\":\"") + verdict + "\""); }, 45s);
  };
  std::optional<Child> healthd(program(HEALTHD, "healthd")), bridge(program(PG2NATS_BRIDGE, "bridge")), executor(program(EXECUTOR, "executor"));
  BOOST_REQUIRE_MESSAGE(says("ok"), health());
  insert(10);
  BOOST_REQUIRE(eventually([&] { return acted_on() == 10; }));

  bridge->kill();
  BOOST_TEST(says("degraded"));
  BOOST_TEST(says("down"));
  BOOST_TEST(http_get(health_port, "/health").status == 503);
  BOOST_TEST(http_get(health_port, "/livez").status == 200);
  BOOST_TEST(http_get(health_port, "/readyz").status == 503);
  bridge.emplace(program(PG2NATS_BRIDGE, "bridge"));
  BOOST_TEST(says("ok"), http_get(health_port, "/health?verbose").body);

  executor->kill();
  BOOST_TEST(says("down"));
  executor.emplace(program(EXECUTOR, "executor"));
  BOOST_TEST(says("ok"), http_get(health_port, "/health?verbose").body);

  nats.kill();
  BOOST_TEST(says("down"));
  BOOST_TEST(health().find("\"connected\":false") != std::string::npos, http_get(health_port, "/health?verbose").body);
  nats.start();
  BOOST_TEST(says("ok"), http_get(health_port, "/health?verbose").body);

  postgres_server().stop();
  BOOST_TEST(says("down"));
  BOOST_TEST(health().find(R"("primary":{"status":"down"})") != std::string::npos, http_get(health_port, "/health?verbose").body);
  postgres_server().start();
  BOOST_TEST(says("ok"), http_get(health_port, "/health?verbose").body);
  insert(10);
  BOOST_TEST(eventually([&] { return acted_on() == 20; }));
}

BOOST_AUTO_TEST_SUITE_END()
