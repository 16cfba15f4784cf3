// How fast the bridge is, as ratios to two loops measured in the same run: the limit (a bare loop without any safety) and
// the usual way (what a careful developer would write first). Real servers, in turns, medians.
//
//   build/release/tests/bench_bridge [--rows N] [--payload BYTES] [--batch ROWS] [--rounds N] [--chain] [--json]
//
// NATS_SERVER and PG_BIN choose the servers.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/event.hpp"
#include "common/nats/link.hpp"
#include "common/nats/streams.hpp"
#include "common/postgres.hpp"
#include "tests/support/programs.hpp"
#include "tests/support/servers.hpp"
#include "tests/support/stream_reader.hpp"
#include "tests/support/usage.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  long rows = 200'000, payload = 200, batch = 100, rounds = 3;
  bool json = false, chain = false;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::uint64_t stored(const nats::Link& link) {
  const auto info = nats::stream_info(link, "fraiseql_events");
  return info ? info->messages : 0;
}

void await_stored(const nats::Link& link, long rows) {
  if (!eventually([&] { return stored(link) >= static_cast<std::uint64_t>(rows); }, std::chrono::minutes(5)))
    throw std::runtime_error("stored only " + std::to_string(stored(link)));
}

void fresh_stream(const nats::Link& link) {
  link.api("STREAM.DELETE.fraiseql_events");
  nats::ensure_event_stream(link, nats_settings(nats_server().url()));
}

// A TCP connection and nothing else: what it is told it writes, and of what comes back it only counts the answers, for a
// server drops messages in the middle once ten thousand of them wait.
class BareSocket {
 public:
  BareSocket() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(nats_server().port()));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect");
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    write_all("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\nSUB _INBOX.bench.* 1\r\n");
  }
  ~BareSocket() { close(fd_); }
  void write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("send");
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    while (receive(MSG_DONTWAIT)) {
    }
  }
  void await_answers(std::uint64_t number) {
    while (answers_ < number)
      if (!receive(0)) throw std::runtime_error("recv");
  }

 private:
  bool receive(int flags) {
    char buffer[65536];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, flags);
    if (got <= 0) return false;
    // INFO and each answer are one JSON object, {"stream":...,"seq":...}
    answers_ += static_cast<std::uint64_t>(std::count(buffer, buffer + got, '{'));
    return true;
  }
  int fd_;
  std::uint64_t answers_ = 0;
};

// Encodes as the bridge does, asks for answers as often as it does, and knows nothing of what becomes of them.
class BareLoop {
 public:
  explicit BareLoop(bool chain) : encoder_("fraiseql.mutation", "fraiseql.dlq", "pg_to_nats"), chain_(chain) {}
  void add(const ChangeRow& row) {
    const bool ask = ++count_ % (chain_ ? 50 : 1) == 0;
    encoder_.append(out_, row, ask ? "_INBOX.bench.1234567" : "", {}, {});
    if (out_.size() >= 256 * 1024) flush();
  }
  void flush() {
    socket_.write_all(out_);
    out_.clear();
    constexpr std::uint64_t in_flight = 6000;
    if (count_ > in_flight) socket_.await_answers((count_ - in_flight) / (chain_ ? 50 : 1));
  }

 private:
  BareSocket socket_;
  EventEncoder encoder_;
  bool chain_;
  std::string out_;
  std::uint64_t count_ = 0;
};

ChangeRow row_of(const Rows& rows, int index) {
  std::string_view column[8];
  rows.read_row(index, column);
  ChangeRow row;
  row.pk = std::atoll(column[0].data());
  row.id = column[1];
  row.entity = column[2];
  row.verb = column[3];
  row.created_at = column[4];
  row.entity_id = column[5];
  row.seq = column[6];
  row.data = column[7];
  return row;
}

// Page by page, as simply as it goes.
void read_pages(const std::string& url, long batch, const std::function<void(const ChangeRow&)>& visit) {
  Postgres postgres(url, {});
  postgres.exec("SET timezone = 'UTC'; SET datestyle = 'ISO'");
  postgres.prepare("page", "SELECT pk_entity_change_log, id, object_type, modification_type, created_at, object_id, seq, object_data "
                           "FROM core.tb_entity_change_log WHERE pk_entity_change_log > $1 ORDER BY pk_entity_change_log LIMIT $2");
  std::int64_t last = 0;
  while (true) {
    const Rows rows = postgres.exec_prepared("page", {std::to_string(last), std::to_string(batch)});
    if (rows.empty()) return;
    for (int index = 0; index < rows.size(); ++index) {
      const ChangeRow row = row_of(rows, index);
      visit(row);
      last = row.pk;
    }
  }
}

double limit_rate(const nats::Link& link, const std::string& url, const Options& options, bool chain) {
  fresh_stream(link);
  const auto start = Clock::now();
  BareLoop loop(chain);
  read_pages(url, options.batch, [&](const ChangeRow& row) { loop.add(row); });
  loop.flush();
  await_stored(link, options.rows);
  return static_cast<double>(options.rows) / seconds_since(start);
}

double publish_limit_rate(const nats::Link& link, const Options& options, bool chain) {
  fresh_stream(link);
  const std::string data = "{\"id\":1,\"note\":\"" + std::string(static_cast<std::size_t>(std::max(0L, options.payload - 20)), 'x') + "\"}";
  ChangeRow row;
  row.entity = "Order";
  row.verb = "INSERT";
  row.created_at = "2026-01-15 10:30:00.123456+00";
  row.entity_id = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
  row.seq = "123456";
  row.data = data;
  const auto start = Clock::now();
  BareLoop loop(chain);
  char id[64];
  for (long i = 1; i <= options.rows; ++i) {
    std::snprintf(id, sizeof id, "0190aaaa-bbbb-7ccc-8ddd-%012ld", i);
    row.id = id;
    row.pk = i;
    loop.add(row);
  }
  loop.flush();
  await_stored(link, options.rows);
  return static_cast<double>(options.rows) / seconds_since(start);
}

double usual_rate(const nats::Link& link, const std::string& url, const Options& options) {
  fresh_stream(link);
  const auto start = Clock::now();
  jsCtx* raw = nullptr;
  jsOptions settings;
  jsOptions_Init(&settings);
  settings.PublishAsync.MaxPending = 4096;
  nats::check(natsConnection_JetStream(&raw, link.get(), &settings), "JetStream");
  const std::unique_ptr<jsCtx, nats::Release<jsCtx_Destroy>> context(raw);
  read_pages(url, 100, [&](const ChangeRow& row) {
    const std::string subject = "fraiseql.mutation." + std::string(row.entity) + "." + std::string(row.verb);
    const std::string payload = "{\"event\":\"" + std::string(row.verb) + "\",\"entity\":\"" + std::string(row.entity) + "\",\"subject\":\"" + subject +
                                "\",\"timestamp\":\"" + std::string(row.created_at) + "\",\"data\":" + std::string(row.data) + "}";
    natsMsg* message = nullptr;
    nats::check(natsMsg_Create(&message, subject.c_str(), nullptr, payload.data(), static_cast<int>(payload.size())), "message");
    natsMsgHeader_Set(message, "Nats-Msg-Id", std::string(row.id).c_str());
    natsMsgHeader_Set(message, "Fraiseql-Source", "pg_to_nats");
    natsMsgHeader_Set(message, "Fraiseql-Pk", std::to_string(row.pk).c_str());
    natsMsgHeader_Set(message, "Fraiseql-Seq", std::string(row.seq).c_str());
    natsMsgHeader_Set(message, "Fraiseql-Entity-Id", std::string(row.entity_id).c_str());
    nats::check(js_PublishMsgAsync(context.get(), &message, nullptr), "publish");
  });
  nats::check(js_PublishAsyncComplete(context.get(), nullptr), "complete");
  await_stored(link, options.rows);
  return static_cast<double>(options.rows) / seconds_since(start);
}

struct BridgeRun {
  double rate, cpu_us_per_row, rss_mb;
};

BridgeRun bridge_run(const nats::Link& link, const std::string& url, const Options& options, const TempDir& directory) {
  link.api("STREAM.DELETE.fraiseql_events");
  sql(url, "DELETE FROM core.tb_transport_checkpoint_history; DELETE FROM core.tb_transport_checkpoint");
  const auto config = directory.file("fraiseql-observer.toml", "[transport]\ntransport = \"nats\"\nrun_bridge = true\n[transport.nats]\nurl = \"" +
                                                                   nats_server().url() + "\"\n[transport.bridge]\nbatch_size = " +
                                                                   std::to_string(options.batch) + (options.chain ? "\nchain = \"on\"" : "") + "\n[health]\nstatus_endpoint = \"ipc://" +
                                                                   (directory / "status").string() + "\"\n");
  Child::Options child;
  child.environment["DATABASE_URL"] = url;
  child.directory = directory.path().string();
  Child bridge({PG2NATS_BRIDGE, "--config", config.string()}, child);
  std::uint64_t first = 0;
  while ((first = stored(link)) == 0) {
    if (!bridge.running()) throw std::runtime_error("bridge: " + bridge.err());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const auto start = Clock::now();
  const double cpu = cpu_seconds(bridge.pid());
  await_stored(link, options.rows);
  const double took = seconds_since(start);
  const auto rows = static_cast<double>(options.rows) - static_cast<double>(first);
  const BridgeRun run{rows / took, (cpu_seconds(bridge.pid()) - cpu) * 1e6 / rows, peak_mb(bridge.pid())};
  bridge.signal(SIGTERM);
  if (bridge.wait() != 0) throw std::runtime_error("bridge: " + bridge.err());
  return run;
}

int bench(const Options& options) {
  const std::string url = migrated_database();
  sql(url, "INSERT INTO core.tb_entity_change_log (object_type, modification_type, object_id, object_data) SELECT 'Order', 'INSERT', "
           "gen_random_uuid(), jsonb_build_object('id', i, 'note', repeat('x', greatest(0, " + std::to_string(options.payload) +
               " - 20))) FROM generate_series(1, " + std::to_string(options.rows) + ") i; ANALYZE core.tb_entity_change_log; CHECKPOINT");
  const nats::Link link(nats_settings(nats_server().url()), nats::Link::Reconnect::never, "bench");
  fresh_stream(link);
  const bool chain = options.chain;
  const TempDir directory;
  std::map<std::string, std::vector<double>> samples;
  for (long round = 0; round < options.rounds; ++round) {
    const double limit = limit_rate(link, url, options, chain);
    const BridgeRun bridge = bridge_run(link, url, options, directory);
    const double usual = usual_rate(link, url, options);
    samples["limit_rows_per_s"].push_back(limit);
    samples["publish_limit_per_s"].push_back(publish_limit_rate(link, options, chain));
    samples["usual_rows_per_s"].push_back(usual);
    samples["bridge_rows_per_s"].push_back(bridge.rate);
    samples["bridge_cpu_us_per_row"].push_back(bridge.cpu_us_per_row);
    samples["rss_mb"].push_back(bridge.rss_mb);
    samples["ratio"].push_back(bridge.rate / limit);
    samples["vs_usual"].push_back(bridge.rate / usual);
  }
  const std::string version = nats_server().version();
  const char* way = chain ? "chain" : "single";
  if (options.json)
    std::printf("{\"nats_server\":\"%s\",\"way\":\"%s\",\"rows\":%ld,\"payload\":%ld,\"batch\":%ld,\"rounds\":%ld", version.c_str(), way, options.rows,
                options.payload, options.batch, options.rounds);
  else
    std::printf("nats-server %s, %s, %ld rows of %ld bytes, pages of %ld, median of %ld rounds\n", version.c_str(), way, options.rows, options.payload,
                options.batch, options.rounds);
  for (const auto& [name, values] : samples) std::printf(options.json ? ",\"%s\":%.3f" : "  %-24s %12.2f\n", name.c_str(), median(values));
  if (options.json) std::printf("}\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"throughput of the bridge against the limit and the usual way, measured in one run"};
  app.add_option("--rows", options.rows, "rows waiting in the change log");
  app.add_option("--payload", options.payload, "bytes of a row's data");
  app.add_option("--batch", options.batch, "rows per page (batch_size)");
  app.add_option("--rounds", options.rounds, "repetitions; medians are printed");
  app.add_flag("--chain", options.chain, "the chain instead of an answer for each message (2.12 or later)");
  app.add_flag("--json", options.json, "one line of JSON");
  CLI11_PARSE(app, argc, argv);
  return bench(options);
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_bridge: %s\n", e.what());
  return 1;
}
