// servers: none
#define BOOST_TEST_MODULE healthd
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <zmq.h>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <list>
#include <thread>

#include "common/config.hpp"
#include "common/status_names.hpp"
#include "common/status_sender.hpp"
#include "tests/support/child.hpp"
#include "tests/support/http.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

/// A healthd process and what it takes to talk to it.
struct Healthd {
  explicit Healthd(const std::string& endpoint_ = "") : endpoint(endpoint_.empty() ? "tcp://127.0.0.1:" + std::to_string(free_port()) : endpoint_) {
    file = directory.file("fraiseql-observer.toml",
                          "[transport]\ntransport = \"nats\"\nrun_executors = false\n[health]\nlisten = \"127.0.0.1:" + std::to_string(port) +
                              "\"\nstatus_endpoint = \"" + endpoint + "\"\nstale_after_secs = 1\nexpect_bridges = 1\nexpect_executors = 1\n");
    start();
  }

  void start() {
    child.emplace(std::vector<std::string>{HEALTHD, "--config", file});
    if (!eventually([&] { return get("/livez").status == 200; })) throw std::runtime_error("healthd does not answer: " + child->err());
  }

  HttpAnswer get(const std::string& target) { return http_get(port, target); }
  bool has_line(const std::string& line) { return ("\n" + get("/metrics").body).find("\n" + line + "\n") != std::string::npos; }
  HealthConfig reporters() const {
    HealthConfig config;
    config.status_endpoints = {endpoint};
    return config;
  }

  TempDir directory;
  int port = free_port();
  std::string endpoint;
  std::string file;
  std::optional<Child> child;
};

StatusReport well(std::uint64_t processed = 0) {
  StatusReport report;
  report.state = "running";
  report.postgres = Reach::ok;
  report.jetstream = Reach::ok;
  report.transport = "nats";
  report.metrics.set(metric::leader, 1);
  report.metrics.set(metric::lag_events, 0);
  report.metrics.set(metric::backlog_size, 0);
  report.metrics.count(metric::events_processed, {}, processed);
  return report;
}

/// A process that reports, as often as it is asked to.
struct Reporter {
  Reporter(const Healthd& healthd, const std::string& component, const std::string& instance = "r-1") : sender(healthd.reporters(), component, instance) {}
  StatusSender sender;
};

/// Sends the reports until the condition is true.
bool reporting(std::initializer_list<std::pair<Reporter*, StatusReport>> reports, const std::function<bool()>& condition,
               std::chrono::seconds limit = 30s) {
  return eventually(
      [&] {
        for (const auto& [reporter, report] : reports) reporter->sender.send(report);
        return condition();
      },
      limit);
}

constexpr const char* ok_answer =
    R"({"status":"ok","databases":{"primary":{"status":"ok"}},"observers":{"transport":"nats","connected":true,"stream":"fraiseql_events"}})"
    "\n";

/// A socket that sends whatever it likes.
struct Stranger {
  explicit Stranger(const std::string& endpoint) : context(zmq_ctx_new()), socket(zmq_socket(context, ZMQ_PUB)) {
    const int none = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_connect(socket, endpoint.c_str());
  }
  ~Stranger() {
    zmq_close(socket);
    zmq_ctx_term(context);
  }
  void send(const std::string& bytes, bool more = false) { zmq_send(socket, bytes.data(), bytes.size(), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)); }
  void* context;
  void* socket;
};

}  // namespace

BOOST_AUTO_TEST_CASE(health_goes_down_when_nobody_reports_and_up_again_with_the_first_reports) {
  Healthd healthd;
  BOOST_TEST(healthd.get("/health").status == 200);
  BOOST_TEST(healthd.get("/readyz").status == 200);
  BOOST_TEST(healthd.get("/health").body.find(R"({"status":"degraded","databases":{"primary":{"status":"unknown"}},)") == 0u);
  BOOST_TEST(eventually([&] { return healthd.get("/health").status == 503; }));
  BOOST_TEST(healthd.get("/readyz").status == 503);
  BOOST_TEST(healthd.get("/livez").status == 200);
  BOOST_TEST(healthd.get("/health?verbose").body.find("no process has reported for") != std::string::npos);
  Reporter bridge{healthd, "pg2nats-bridge"}, executor{healthd, "executor"};
  BOOST_TEST(reporting({{&bridge, well()}, {&executor, well()}}, [&] { return healthd.get("/health").body == ok_answer; }));
  BOOST_TEST(healthd.get("/health").status == 200);
  BOOST_TEST(healthd.get("/readyz").status == 200);
}

BOOST_AUTO_TEST_CASE(health_follows_what_a_process_says_is_wrong) {
  Healthd healthd;
  Reporter bridge{healthd, "pg2nats-bridge"}, executor{healthd, "executor"};
  StatusReport copied = well();
  copied.problems["database_copy"] = "this database is a copy of another one. Run: fraiseql bridge adopt";
  BOOST_TEST(reporting({{&bridge, copied}, {&executor, well()}}, [&] { return healthd.get("/health").status == 503; }));
  BOOST_TEST(healthd.get("/health?verbose=1").body.find("Run: fraiseql bridge adopt") != std::string::npos);
  StatusReport cut_off = well();
  cut_off.postgres = Reach::unreachable;
  cut_off.jetstream = Reach::unreachable;
  BOOST_TEST(reporting({{&bridge, cut_off}, {&executor, well()}}, [&] {
    const HttpAnswer answer = healthd.get("/health");
    return answer.status == 200 && answer.body.find(R"({"status":"degraded","databases":{"primary":{"status":"down"}},)") == 0 &&
           answer.body.find(R"("connected":false)") != std::string::npos;
  }));
  BOOST_TEST(reporting({{&bridge, well()}, {&executor, well()}}, [&] { return healthd.get("/health").body == ok_answer; }));
}

BOOST_AUTO_TEST_CASE(a_silent_process_is_told_and_a_goodbye_is_forgotten_at_once) {
  Healthd healthd;
  Reporter bridge{healthd, "pg2nats-bridge"}, executor{healthd, "executor"};
  BOOST_TEST(reporting({{&bridge, well()}, {&executor, well()}}, [&] { return healthd.has_line(R"(fraiseql_component_up{component="executor",instance="r-1"} 1)"); }));
  BOOST_TEST(reporting({{&bridge, well()}}, [&] { return healthd.get("/health?verbose").body.find("executor r-1 on ") != std::string::npos; }));
  BOOST_TEST(healthd.has_line(R"(fraiseql_component_up{component="executor",instance="r-1"} 0)"));
  BOOST_TEST(healthd.has_line(R"(fraiseql_component_up{component="pg2nats-bridge",instance="r-1"} 1)"));
  {
    Reporter leaving{healthd, "executor", "r-2"};
    BOOST_TEST(reporting({{&leaving, well()}}, [&] { return healthd.get("/metrics").body.find("r-2") != std::string::npos; }));
  }
  BOOST_TEST(eventually([&] { return healthd.get("/metrics").body.find("r-2") == std::string::npos; }, 900ms));
}

BOOST_AUTO_TEST_CASE(totals_survive_the_restart_of_a_reporter_and_begin_anew_with_healthd) {
  Healthd healthd;
  const auto total = [&](int n) { return healthd.has_line("fraiseql_observer_events_processed_total " + std::to_string(n)); };
  BOOST_TEST(total(0));
  {
    Reporter first{healthd, "executor"};
    BOOST_TEST(reporting({{&first, well(10)}}, [&] { return total(10); }));
    first.sender.send(well(12));
  }
  BOOST_TEST(eventually([&] { return total(12); }));  // the goodbye repeats the last counters
  Reporter second{healthd, "executor"};
  BOOST_TEST(reporting({{&second, well(5)}}, [&] { return total(17); }));
  healthd.child->signal(SIGKILL);
  healthd.child->wait();
  healthd.start();
  BOOST_TEST(reporting({{&second, well(5)}}, [&] { return healthd.get("/metrics").body.find("r-1") != std::string::npos; }));
  BOOST_TEST(total(0));
  BOOST_TEST(reporting({{&second, well(7)}}, [&] { return total(2); }));
}

BOOST_AUTO_TEST_CASE(every_path_and_method_has_its_answer) {
  Healthd healthd;
  for (const char* path : {"/health", "/livez", "/readyz", "/metrics", "/status.json", "/"}) {
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "HEAD", "BREW"}) {
      const HttpAnswer answer = http_get(healthd.port, path, method);
      BOOST_TEST(answer.status == 405, method << ' ' << path);
      BOOST_TEST(answer.head.find("\r\nAllow: GET") != std::string::npos);
    }
  }
  for (const char* path : {"/index.html", "/status.json/", "/healthz", "/health/", "//health", "/../etc/passwd", "/metrics%00", "/HEALTH"}) BOOST_TEST(healthd.get(path).status == 404, path);
  BOOST_TEST(healthd.get("/health").head.find("\r\nContent-Type: application/json") != std::string::npos);
  BOOST_TEST(healthd.get("/metrics").head.find("\r\nContent-Type: text/plain; version=0.0.4") != std::string::npos);
  BOOST_TEST(healthd.get("/status.json?since=x").head.find("\r\nContent-Type: application/json") != std::string::npos);
  BOOST_TEST(healthd.get("/").head.find("\r\nContent-Type: text/html; charset=utf-8\r\n") != std::string::npos);
  for (const char* path : {"/", "/status.json", "/health", "/metrics", "/nowhere"})
    for (const char* header : {"Content-Security-Policy: default-src 'none'; ", "X-Frame-Options: DENY\r\n", "X-Content-Type-Options: nosniff\r\n",
                               "Referrer-Policy: no-referrer\r\n", "Cross-Origin-Resource-Policy: same-origin", "Cache-Control: no-store\r\n"})
      BOOST_TEST(healthd.get(path).head.find(std::string("\r\n") + header) != std::string::npos, path << ": " << header);
  BOOST_TEST(healthd.get("/" + std::string(64 * 1024, 'a')).status == 414);
  std::string headers;
  for (int i = 0; i < 1000; ++i) headers += "X-" + std::to_string(i) + ": y\r\n";
  BOOST_TEST(http_raw(healthd.port, "GET /health HTTP/1.1\r\n" + headers + "\r\n").status == 431);
  BOOST_TEST(http_raw(healthd.port, "GET /health HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n").status == 400);
  BOOST_TEST(http_raw(healthd.port, "GET /health HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello").status == 200);
  BOOST_TEST(http_raw(healthd.port, "POST /health HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(1000000, 'x')).status == 405);
  BOOST_TEST(http_raw(healthd.port, "\x16\x03\x01\x02\r\n\r\n").status == 400);
}

BOOST_AUTO_TEST_CASE(slow_and_idle_clients_are_closed_and_keep_no_scrape_waiting) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 20000);
  setrlimit(RLIMIT_NOFILE, &files);
  const int many = std::min<int>(10000, static_cast<int>(files.rlim_cur) - 200);
  Healthd healthd;
  std::list<RawConnection> idle;
  for (int i = 0; i < many; ++i) {
    idle.emplace_back(healthd.port);
    if (i % 10 == 0) idle.back().send("GET /hea");
    if (i % 1000 != 0) continue;
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST(healthd.get("/metrics").status == 200);
    BOOST_TEST((std::chrono::steady_clock::now() - began < 1s));
  }
  BOOST_TEST(healthd.get("/health").status == 200);
  idle.clear();

  RawConnection slow(healthd.port);
  const auto began = std::chrono::steady_clock::now();
  std::string said;
  while (!slow.closed() && std::chrono::steady_clock::now() - began < 15s) {
    slow.send("G");
    said += slow.read(500ms);
  }
  BOOST_TEST(slow.closed());
  BOOST_TEST(said.find("HTTP/1.1 408 ") == 0u);
  BOOST_TEST((std::chrono::steady_clock::now() - began < 10s));
}

BOOST_AUTO_TEST_CASE(nonsense_is_dropped_and_counted_and_others_are_heard) {
  Healthd healthd;
  Stranger stranger{healthd.endpoint};
  Reporter executor{healthd, "executor"};
  StatusReport strange = well();
  strange.component = "executor";
  strange.instance = "evil\nname";
  const std::string frame = encode(strange);
  const auto dropped = [&] {
    const std::string text = healthd.get("/metrics").body;
    const std::string line = "\nfraiseql_healthd_dropped_reports_total{reason=\"nonsense\"} ";
    return std::atoi(text.c_str() + text.find(line) + line.size());
  };
  BOOST_TEST(eventually([&] {
    for (const std::string& bytes : {std::string("{"), std::string(), std::string(65000, '['), frame}) stranger.send(bytes);
    for (int part = 0; part < 100; ++part) stranger.send(frame, part < 99);
    return dropped() >= 50;
  }));
  stranger.send(std::string(1 << 20, 'x'));  // larger than a frame may be: ZeroMQ cuts the connection

  RawConnection no_greeting(std::atoi(healthd.endpoint.c_str() + healthd.endpoint.rfind(':') + 1));
  no_greeting.send("GET / HTTP/1.1\r\n\r\n");
  RawConnection claims(std::atoi(healthd.endpoint.c_str() + healthd.endpoint.rfind(':') + 1));
  claims.send(std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL", 16) + std::string(48, '\0'));
  claims.send(std::string("\x02\0\0\0\x02\0\0\0\0", 9));  // a frame of 8 GiB
  for (RawConnection* one : {&no_greeting, &claims}) {
    one->read(10s);
    BOOST_TEST(one->closed());
  }
  BOOST_TEST(reporting({{&executor, well()}}, [&] { return healthd.get("/metrics").body.find("r-1") != std::string::npos; }));
  BOOST_TEST(healthd.get("/health?verbose").body.find("evil") == std::string::npos);
  BOOST_TEST(healthd.child->running());
}

BOOST_AUTO_TEST_CASE(a_flood_of_reports_holds_up_no_answer) {
  Healthd healthd;
  std::atomic<bool> stop{false};
  std::thread flood([&] {
    Stranger stranger{healthd.endpoint};
    StatusReport report = well();
    report.component = "executor";
    report.host = "flood";
    while (!stop) {
      report.instance = "e-" + std::to_string(report.sequence % 10000);
      ++report.sequence;
      stranger.send(encode(report));
    }
  });
  Reporter executor{healthd, "executor"};
  BOOST_TEST(reporting({{&executor, well()}}, [&] { return healthd.get("/health").body.find("connected\":true") != std::string::npos; }));
  std::chrono::steady_clock::duration longest{};
  for (int i = 0; i < 50; ++i) {
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST(healthd.get("/health").status == 200);
    longest = std::max(longest, std::chrono::steady_clock::now() - began);
  }
  stop = true;
  flood.join();
  BOOST_TEST_MESSAGE("longest answer: " << std::chrono::duration_cast<std::chrono::milliseconds>(longest).count() << " ms");
  BOOST_TEST((longest < 1s));
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_one_clear_error) {
  Healthd healthd;
  const auto second = [&](const std::string& listen, const std::string& endpoint) {
    Child::Options options;
    options.environment = {{"FRAISEQL_HEALTH_LISTEN", listen}, {"FRAISEQL_STATUS_ENDPOINT", endpoint}};
    return run({HEALTHD, "--config", healthd.file}, options);
  };
  const std::string free_listen = "127.0.0.1:" + std::to_string(free_port()), free_endpoint = "tcp://127.0.0.1:" + std::to_string(free_port());
  const std::string listen = "127.0.0.1:" + std::to_string(healthd.port);
  for (const Finished& one : {second(listen, free_endpoint), second(free_listen, healthd.endpoint)}) {
    BOOST_TEST(one.status == EX_UNAVAILABLE);
    BOOST_TEST(one.err.find("is in use by another program") != std::string::npos);
    BOOST_TEST(std::count(one.err.begin(), one.err.end(), '\n') == 1);
  }
  const Finished elsewhere = second("192.0.2.1:8080", free_endpoint);
  BOOST_TEST(elsewhere.status == EX_CONFIG);
  BOOST_TEST(elsewhere.err.find("health.listen: 192.0.2.1:8080: ") != std::string::npos);
  BOOST_TEST(healthd.get("/livez").status == 200);
}

BOOST_AUTO_TEST_CASE(an_ipc_socket_is_for_its_owner_only_and_cannot_be_taken_away) {
  const TempDir directory;
  const std::string path = directory / "status.sock";
  Healthd healthd{"ipc://" + path};
  struct stat there {};
  BOOST_REQUIRE(stat(path.c_str(), &there) == 0);
  BOOST_TEST((there.st_mode & 0777) == 0600u);
  Child::Options options;
  options.environment = {{"FRAISEQL_HEALTH_LISTEN", "127.0.0.1:" + std::to_string(free_port())}};
  const Finished second = run({HEALTHD, "--config", healthd.file}, options);
  BOOST_TEST(second.status == EX_UNAVAILABLE);
  BOOST_TEST(second.err.find("is in use by another program") != std::string::npos);
  Reporter executor{healthd, "executor"};
  BOOST_TEST(reporting({{&executor, well()}}, [&] { return healthd.get("/metrics").body.find("r-1") != std::string::npos; }));
  healthd.child->signal(SIGKILL);
  healthd.child->wait();
  healthd.start();  // what was left behind holds nothing up
  BOOST_TEST(reporting({{&executor, well()}}, [&] { return healthd.get("/metrics").body.find("r-1") != std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(check_and_probe_tell_whether_healthd_can_run_or_runs) {
  Healthd healthd;
  BOOST_TEST(run({HEALTHD, "--config", healthd.file, "--probe"}).status == 0);
  const Finished running = run({HEALTHD, "--config", healthd.file, "--check"});
  BOOST_TEST(running.status == 0);
  BOOST_TEST(running.out.find("a healthd runs there") != std::string::npos);
  healthd.child->signal(SIGTERM);
  BOOST_TEST(healthd.child->wait(10s) == 0);
  BOOST_TEST(run({HEALTHD, "--config", healthd.file, "--probe"}).status == 1);
  BOOST_TEST(run({HEALTHD, "--config", healthd.file, "--check"}).status == 0);
  Child::Options options;
  options.environment = {{"FRAISEQL_STATUS_ENDPOINT", "ipc:///no/such/directory/socket"}};
  const Finished nowhere = run({HEALTHD, "--config", healthd.file, "--check"}, options);
  BOOST_TEST(nowhere.status == 1);
  BOOST_TEST(nowhere.out.find("problem: health.status_endpoint: /no/such/directory") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(reporters_without_a_healthd_neither_wait_nor_grow) {
  HealthConfig config;
  config.status_endpoints = {"tcp://127.0.0.1:" + std::to_string(free_port()), "tcp://no-such-host.invalid:5560"};
  const auto began = std::chrono::steady_clock::now();
  {
    StatusSender sender{config, "executor", "r-1"};
    for (int i = 0; i < 20000; ++i) sender.send(well());
  }
  BOOST_TEST((std::chrono::steady_clock::now() - began < 10s));
}
