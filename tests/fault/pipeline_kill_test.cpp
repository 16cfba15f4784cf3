// The whole pipeline under load while each of its programs is killed at random moments, and both servers are restarted.
#define BOOST_TEST_MODULE pipeline_kill
#include <libpq-fe.h>
#include <signal.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <random>
#include <sstream>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "tests/support/pipeline_fixture.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

constexpr int kills = 36, writers = 6, entities = 200;
constexpr int rows_wanted = 20'000;

struct KillFixture : PipelineFixture {
  KillFixture() : PipelineFixture(Settings{{"transport.nats.jetstream", "ack_wait_secs = 3\n"}}) {
    sql(database,
        "CREATE TABLE public.entity (id uuid PRIMARY KEY, n int NOT NULL DEFAULT 0); INSERT INTO public.entity SELECT "
        "md5(e::text)::uuid FROM "
        "generate_series(1, " +
            std::to_string(entities) + ") e");
  }
};

/// What the clients know for sure: rows of transactions whose COMMIT was answered, and of those rolled back.
struct Ledger {
  std::atomic<int> committed{0}, rolled_back{0}, unknown{0};
  std::atomic<int> kills_so_far{0};
};

/// A client's connection, kept: a psql for each transaction would take longer to start than all the kills last.
class Client {
 public:
  explicit Client(std::string database) : database_(std::move(database)) {}
  ~Client() { PQfinish(connection_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// False: refused, or the outcome is not known.
  bool run(const std::string& statements) {
    if (PQstatus(connection_) != CONNECTION_OK) {
      PQfinish(connection_);
      connection_ = PQconnectdb(database_.c_str());
    }
    PGresult* result = PQexec(connection_, statements.c_str());
    const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return done;
  }

 private:
  std::string database_;
  PGconn* connection_ = nullptr;
};

/// One client among several that change the same entities: the entity first, its outbox row after it, as FraiseQL does. Each
/// change carries the entity's own count, so that the table itself says what the right order is. Clients and kills wait for
/// each other, so that each part of the rows has its kill.
void write_changes(const std::stop_token& stop, const std::string& database, unsigned seed, Ledger& ledger) {
  Client client(database);
  std::mt19937 dice(seed);
  const auto draw = [&](unsigned sides) { return static_cast<unsigned>(dice() % sides); };
  while (!stop.stop_requested() && ledger.committed < rows_wanted) {
    if (ledger.committed.load() > (ledger.kills_so_far + 1) * (rows_wanted / kills)) {
      std::this_thread::sleep_for(5ms);
      continue;
    }
    std::ostringstream text;
    int rows = 0;
    text << "BEGIN;\n";
    // Entities in rising order: clients wait for each other and never deadlock.
    unsigned entity = draw(40) + 1;
    for (unsigned left = draw(8) + 1; left > 0 && entity <= entities; --left, entity += draw(40) + 1) {
      for (unsigned change = draw(12) + 1; change > 0; --change, ++rows)
        text << "UPDATE public.entity SET n = n + 1 WHERE id = md5('" << entity
             << "')::uuid; INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, object_data) SELECT "
                "'Order', 'UPDATE', id, "
                "jsonb_build_object('n', n, 'text', repeat('\"ä\\', "
             << draw(40) << ")) FROM public.entity WHERE id = md5('" << entity << "')::uuid;\n";
    }
    const bool rolled_back = draw(10) == 0;
    text << (rolled_back ? "ROLLBACK;" : "COMMIT;");
    // PostgreSQL may be away for a moment; a transaction whose outcome is unknown is not repeated: the table is the truth.
    if (client.run(text.str())) {
      (rolled_back ? ledger.rolled_back : ledger.committed) += rows;
    } else {
      ledger.unknown += rows;
      std::this_thread::sleep_for(100ms);
    }
  }
}

struct Row {
  std::string entity, data;
  int n;
};

std::unordered_map<std::string, Row> table_of(const std::string& database) {
  std::unordered_map<std::string, Row> rows;
  std::istringstream table(sql(
      database,
      "SELECT id || ' ' || object_id || ' ' || (object_data->>'n') || ' ' || object_data::text FROM core.tb_entity_change_log"));
  for (std::string line; std::getline(table, line);) {
    const auto data = line.find(' ', 74);
    rows[line.substr(0, 36)] = {line.substr(37, 36), line.substr(data + 1), std::stoi(line.substr(74, data - 74))};
  }
  return rows;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pipeline_kill, KillFixture)

BOOST_AUTO_TEST_CASE(whatever_is_killed_each_change_is_stored_once_in_order_and_acted_on) {
  const unsigned seed = seed_of_this_run();
  std::mt19937 dice(seed);

  const std::vector<std::pair<const char*, std::string>> parts = {{PG2NATS_BRIDGE, "bridge-1"},
                                                                  {PG2NATS_BRIDGE, "bridge-2"},
                                                                  {EXECUTOR, "executor-1"},
                                                                  {EXECUTOR, "executor-2"},
                                                                  {HEALTHD, "healthd-1"}};
  std::vector<std::optional<Child>> running(parts.size());
  const auto start = [&](std::size_t which) { running[which].emplace(program(parts[which].first, parts[which].second)); };
  for (std::size_t i = 0; i < parts.size(); ++i) start(i);

  Ledger ledger;
  std::vector<std::jthread> clients;
  for (unsigned writer = 0; writer < writers; ++writer)
    clients.emplace_back(write_changes, database, seed + 1 + writer, std::ref(ledger));

  std::map<std::string, int> killed;
  while (ledger.kills_so_far < kills) {
    // A random moment, in rows and in time.
    const int so_far = ledger.kills_so_far;
    const int rows_first = so_far * (rows_wanted / kills) + static_cast<int>(dice() % (rows_wanted / kills));
    BOOST_REQUIRE(eventually([&] { return ledger.committed >= rows_first; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 350));
    const std::size_t which =
        static_cast<std::size_t>(so_far) < parts.size() ? static_cast<std::size_t>(so_far) : dice() % parts.size();
    if (!running[which]) {
      start(which);
      continue;
    }
    BOOST_TEST(running[which]->running(), parts[which].second << " ended by itself: " << running[which]->err());
    running[which]->kill();
    running[which].reset();
    ++killed[parts[which].second.substr(0, parts[which].second.find('-'))];
    if (dice() % 3 != 0) start(which);  // else it stays away until it is drawn again
    if (so_far == kills / 3 || so_far == 2 * kills / 3) {
      nats.kill();
      std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 1000));
      nats.start();
    }
    if (so_far == kills / 2) postgres_server().restart();
    ++ledger.kills_so_far;
  }
  const int under_kills = ledger.committed;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!running[i]) start(i);
  for (auto& client : clients) client.join();

  const auto rows = table_of(database);
  const auto since = std::chrono::steady_clock::now();
  BOOST_TEST(rows.size() >= static_cast<std::size_t>(ledger.committed));
  BOOST_TEST(under_kills >= rows_wanted * 9 / 10, under_kills << " rows had been written at the last kill: the others prove nothing");
  BOOST_TEST(reaches(rows.size()));
  BOOST_TEST(eventually([&] { return settled() && acted_on() >= rows.size(); }, 60s),
             acted_on() << " of " << rows.size() << " acted on; " << consumer());
  const auto converged = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since);
  BOOST_TEST((converged < 60s));

  // The stream, by sequence: the changes of an entity are its 1, 2, 3... without a gap and without a repeat.
  std::size_t phantom = 0, repeated = 0, misordered = 0, corrupted = 0;
  std::unordered_map<std::string, int> reached;
  std::unordered_set<std::string> stored;
  for (const StreamMessage& message : reader.all("fraiseql_events")) {
    const auto row = rows.find(message.id);
    if (row == rows.end()) {
      ++phantom;
      continue;
    }
    if (!stored.insert(message.id).second) {
      ++repeated;
      continue;
    }
    misordered += row->second.n != ++reached[row->second.entity];
    corrupted += !message.payload.ends_with(",\"data\":" + row->second.data + "}");
  }
  BOOST_TEST(rows.size() - stored.size() == 0u, rows.size() - stored.size() << " lost in the stream");
  BOOST_TEST(phantom == 0u);
  BOOST_TEST(repeated == 0u);
  BOOST_TEST(misordered == 0u);
  BOOST_TEST(corrupted == 0u);

  // The receiver: every change, as it is; a repeat carries the id of the first.
  std::size_t strange = 0, damaged = 0, repeats = 0, overtaken = 0, without_pk = 0;
  std::unordered_set<std::string> acted;
  std::unordered_map<std::string, int> newest;
  const auto requests = receiver.requests("/all");
  for (const auto& request : requests) {
    const auto id = request.headers.find("webhook-id");
    const auto row = id == request.headers.end() ? rows.end() : rows.find(id->second);
    if (row == rows.end()) {
      ++strange;
      continue;
    }
    without_pk += !request.headers.contains("fraiseql-pk");
    damaged += !request.body.ends_with(",\"data\":" + row->second.data + "}");
    if (!acted.insert(id->second).second)
      ++repeats;
    else if (int& n = newest[row->second.entity]; row->second.n < n)
      ++overtaken;
    else
      n = row->second.n;
  }
  std::fprintf(stderr,
               "rows %zu (%d at the last kill), rolled back %d, unknown %d; kills: bridge %d, executor %d, healthd %d; actions repeated %zu, overtaken "
               "%zu; converged in %lld ms\n",
               rows.size(), under_kills, ledger.rolled_back.load(), ledger.unknown.load(), killed["bridge"], killed["executor"],
               killed["healthd"], repeats, overtaken, static_cast<long long>(converged.count()));
  BOOST_TEST(rows.size() - acted.size() == 0u, rows.size() - acted.size() << " never acted on");
  BOOST_TEST(strange == 0u);
  BOOST_TEST(damaged == 0u);
  BOOST_TEST(without_pk == 0u);
  // A kill of an executor repeats at most what it held (channel_capacity); a restart of the broker, what both held.
  BOOST_TEST(repeats <= static_cast<std::size_t>(killed["executor"] + 2 * 2) * 1000);
  BOOST_TEST(reader.count("fraiseql_events_dlq") == 0u);
  BOOST_TEST(says("ok", 60s), verbose());

  // A clean stop of all of them: exit code 0, and nothing is done again.
  for (auto& part : running) part->signal(SIGTERM);
  for (auto& part : running) BOOST_TEST(part->wait() == 0);
  BOOST_TEST(receiver.requests("/all").size() == requests.size());
}

BOOST_AUTO_TEST_SUITE_END()
