// What capture costs writers, as ratios: the same statements on a table that is captured and on one that is not, in turns in one
// run, medians. Real PostgreSQL.
//
//   build/release/tests/bench_capture [--rows N] [--single N] [--rounds N] [--pre-image] [--json]
//
// PG_BIN chooses the server.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/postgres.hpp"
#include "tests/support/programs.hpp"
#include "tests/support/servers.hpp"
#include "tests/support/usage.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  long rows = 1'000'000, single = 2'000, rounds = 3;
  bool json = false, pre_image = false;
};

// An order of seven columns, about 130 bytes.
constexpr const char* columns =
    "(id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer text, status text, total numeric(12, 2), note text, placed_at timestamptz DEFAULT now(), n int)";

std::string insert_into(const std::string& table, const std::string& from, const std::string& to) {
  return "INSERT INTO " + table + " (customer, status, total, note, n) SELECT 'customer ' || i, 'open', i * 1.25, repeat('x', 40), i FROM generate_series(" + from +
         ", " + to + ") i";
}

struct Cost {
  double seconds, wal_mb;
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), url_(migrated_database()), writer_(url_, limits()) {
    sql(url_, std::string("CREATE TABLE plain ") + columns + "; CREATE TABLE captured " + columns + "; CREATE TABLE by_hand " + columns);
    Child::Options child;
    child.environment["DATABASE_URL"] = url_;
    child.directory = "/";
    std::vector<std::string> command{FRAISEQL_COMMAND, "capture", "add", "captured", "--entity", "Order"};
    if (options.pre_image) command.push_back("--pre-image");
    if (const Finished added = run(command, child); added.status != 0) throw std::runtime_error(added.err);
  }

  void round(std::map<std::string, std::vector<double>>& samples) {
    writer_.exec("TRUNCATE plain, captured, by_hand, core.tb_entity_change_log");
    writer_.exec("CHECKPOINT");
    const std::string rows = std::to_string(options_.rows);
    const auto insert = pair(samples, "insert", [&](const std::string& table) { return insert_into(table, "1", rows); });
    // The least that an app pays which writes the outbox rows itself, in one more statement.
    writer_.exec("TRUNCATE core.tb_entity_change_log");
    const Cost by_hand = cost([&] {
      writer_.transaction([&] {
        writer_.exec(insert_into("by_hand", "1", rows));
        writer_.exec("INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, object_data) SELECT 'Order', 'INSERT', id, to_jsonb(by_hand.*) FROM by_hand");
      });
    });
    samples["insert_ratio_by_hand"].push_back(by_hand.seconds / insert.first.seconds);
    samples["insert_captured_to_by_hand"].push_back(insert.second.seconds / by_hand.seconds);
    pair(samples, "update", [&](const std::string& table) { return "UPDATE " + table + " SET status = 'paid'"; });
    pair(samples, "delete", [&](const std::string& table) { return "DELETE FROM " + table; });
    single(samples);
  }

 private:
  static Postgres::Options limits() {
    Postgres::Options limits;
    limits.statement_timeout = limits.lock_timeout = std::chrono::milliseconds(0);
    return limits;
  }
  Cost cost(const std::function<void()>& work) {
    const std::string before(writer_.exec("SELECT pg_current_wal_insert_lsn()").text(0, 0));
    const auto start = Clock::now();
    work();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const Rows wal = writer_.exec("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '" + before + "')::bigint");
    return {seconds, static_cast<double>(wal.integer(0, 0)) / 1e6};
  }
  std::pair<Cost, Cost> pair(std::map<std::string, std::vector<double>>& samples, const std::string& name, const std::function<std::string(const std::string&)>& statement) {
    const Cost without = cost([&] { writer_.exec(statement("plain")); });
    const Cost with = cost([&] { writer_.exec(statement("captured")); });
    samples[name + "_us_per_row_without"].push_back(without.seconds * 1e6 / static_cast<double>(options_.rows));
    samples[name + "_us_per_row_with"].push_back(with.seconds * 1e6 / static_cast<double>(options_.rows));
    samples[name + "_ratio"].push_back(with.seconds / without.seconds);
    samples[name + "_wal_ratio"].push_back(with.wal_mb / without.wal_mb);
    return {without, with};
  }
  // One row a statement and a transaction, as an app does.
  void single(std::map<std::string, std::vector<double>>& samples) {
    const auto each = [&](const std::string& table) {
      const std::string statement = insert_into(table, "1", "1");
      return cost([&] {
               for (long i = 0; i < options_.single; ++i) writer_.exec(statement);
             }).seconds * 1e6 / static_cast<double>(options_.single);
    };
    const double without = each("plain"), with = each("captured");
    samples["single_insert_us_without"].push_back(without);
    samples["single_insert_us_with"].push_back(with);
    samples["single_insert_ratio"].push_back(with / without);
  }

  const Options& options_;
  std::string url_;
  Postgres writer_;
};

int bench(const Options& options) {
  Bench bench(options);
  std::map<std::string, std::vector<double>> samples;
  for (long round = 0; round < options.rounds; ++round) bench.round(samples);
  const std::string version = sql(postgres_server().url("postgres"), "SHOW server_version");
  if (options.json)
    std::printf("{\"postgres\":\"%s\",\"rows\":%ld,\"single\":%ld,\"rounds\":%ld,\"pre_image\":%s", version.c_str(), options.rows, options.single, options.rounds,
                options.pre_image ? "true" : "false");
  else
    std::printf("PostgreSQL %s, %ld rows a statement, %ld statements of one row, median of %ld rounds%s\n", version.c_str(), options.rows, options.single, options.rounds,
                options.pre_image ? ", with pre-images" : "");
  for (const auto& [name, values] : samples) std::printf(options.json ? ",\"%s\":%.3f" : "  %-28s %10.2f\n", name.c_str(), median(values));
  if (options.json) std::printf("}\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"what capture costs writers, against the same statements without it, measured in one run"};
  const auto some = CLI::Range(1L, 1'000'000'000L);
  app.add_option("--rows", options.rows, "rows of a statement; default 1000000")->check(some);
  app.add_option("--single", options.single, "statements of one row; default 2000")->check(some);
  app.add_option("--rounds", options.rounds, "repetitions; medians are printed; default 3")->check(some);
  app.add_flag("--pre-image", options.pre_image, "capture with pre-images");
  app.add_flag("--json", options.json, "one line of JSON");
  CLI11_PARSE(app, argc, argv);
  return bench(options);
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_capture: %s\n", e.what());
  return 1;
}
