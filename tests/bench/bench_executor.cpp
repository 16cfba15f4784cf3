// How many webhooks an executor sends per second, against a bare curl_multi loop that posts the same bodies to the same nginx
// over the same number of connections. Real servers, in turns, medians.
//
//   build/release/tests/bench_executor [--events N] [--payload BYTES] [--concurrency N] [--capacity N] [--rounds N] [--json]
//
// NATS_SERVER chooses the server. The stream is filled before the clock runs.
#include <curl/curl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/executor_fixture.hpp"
#include "tests/support/nginx.hpp"
#include "tests/support/usage.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  long events = 50'000, payload = 200, rounds = 3;
  int concurrency = 50, capacity = 1000;
  bool json = false;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The limit: nothing but libcurl and epoll. Every easy handle is set once and posts again and again.
class BareLoop {
 public:
  BareLoop(const std::string& url, std::string body, int connections)
      : body_(std::move(body)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    multi_ = curl_multi_init();
    curl_multi_setopt(
        multi_, CURLMOPT_SOCKETFUNCTION, +[](CURL*, curl_socket_t fd, int what, void* self, void* known) {
          epoll_event event{};
          event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
          event.data.fd = fd;
          const auto* loop = static_cast<BareLoop*>(self);
          epoll_ctl(loop->epoll_, what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
          if (!known && what != CURL_POLL_REMOVE) curl_multi_assign(loop->multi_, fd, self);
          return 0;
        });
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(
        multi_, CURLMOPT_TIMERFUNCTION, +[](CURLM*, long timeout_ms, void* self) {
          static_cast<BareLoop*>(self)->timeout_ms_ = timeout_ms;
          return 0;
        });
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(connections));
    for (const char* line :
         {"Content-Type: application/json", "webhook-id: 0190aaaa-bbbb-7ccc-8ddd-000001-000001", "webhook-timestamp: 1700000000",
          "Fraiseql-Pk: 123456", "Fraiseql-Observer: hook", "Fraiseql-Attempt: 1", "Expect:"})
      headers_ = curl_slist_append(headers_, line);
    for (int i = 0; i < connections; ++i) {
      CURL* easy = easy_.emplace_back(curl_easy_init());
      curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
      curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
      curl_easy_setopt(
          easy, CURLOPT_WRITEFUNCTION, +[](char*, std::size_t, std::size_t size, void*) { return size; });
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body_.data());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
      curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30'000L);
    }
  }
  ~BareLoop() {
    for (CURL* easy : easy_) {
      curl_multi_remove_handle(multi_, easy);
      curl_easy_cleanup(easy);
    }
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
    close(epoll_);
  }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  /// Posts so many; requests per second.
  double run(long requests) {
    long begun = 0, ended = 0;
    const auto start = Clock::now();
    const double cpu = own_cpu_seconds();
    for (CURL* easy : easy_)
      if (begun < requests && ++begun > 0) curl_multi_add_handle(multi_, easy);
    epoll_event events[64];
    while (ended < requests) {
      int running = 0;
      const int ready = epoll_wait(epoll_, events, 64, timeout_ms_ < 0 ? 1000 : static_cast<int>(timeout_ms_));
      if (ready == 0) curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
      for (int i = 0; i < ready; ++i)
        curl_multi_socket_action(multi_, events[i].data.fd,
                                 (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                     (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                     (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0),
                                 &running);
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        long status = 0;
        CURL* easy = message->easy_handle;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != 204) throw std::runtime_error("the bare loop failed");
        ++ended;
        curl_multi_remove_handle(multi_, easy);
        if (begun < requests && ++begun > 0) curl_multi_add_handle(multi_, easy);
      }
    }
    const double took = seconds_since(start);
    cpu_us = (own_cpu_seconds() - cpu) * 1e6 / static_cast<double>(requests);
    return static_cast<double>(requests) / took;
  }
  double cpu_us = 0;  ///< of this thread for each request of the last run

 private:
  static double own_cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_THREAD, &used);
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  }

  std::string body_;
  int epoll_;
  CURLM* multi_;
  curl_slist* headers_ = nullptr;
  std::vector<CURL*> easy_;
  long timeout_ms_ = -1;
};

struct ExecutorRun {
  double rate, cpu_us_per_event, rss_mb;
};

ExecutorRun executor_run(ExecutorFixture& fixture, const Nginx& nginx, long events) {
  const std::uint64_t before = nginx.requests();
  Child executor = fixture.start();
  const auto sent = [&] { return nginx.requests() - before; };
  // What it does until the first requests is its start, and costs the same however many events wait.
  std::uint64_t first = 0;
  while ((first = sent()) == 0) {
    if (!executor.running()) throw std::runtime_error("executor: " + executor.err());
    std::this_thread::sleep_for(1ms);
  }
  const auto start = Clock::now();
  const double cpu = cpu_seconds(executor.pid());
  const auto all = static_cast<std::uint64_t>(events);
  while (sent() < all) {
    if (!executor.running()) throw std::runtime_error("executor: " + executor.err());
    std::this_thread::sleep_for(10ms);
  }
  const double took = seconds_since(start);
  const double rest = static_cast<double>(all - first);
  ExecutorRun run{rest / took, (cpu_seconds(executor.pid()) - cpu) * 1e6 / rest, peak_mb(executor.pid())};
  if (!eventually([&] { return fixture.settled(all); })) throw std::runtime_error("not all is settled");
  executor.signal(SIGTERM);
  if (executor.wait() != 0 || sent() != all) throw std::runtime_error("executor: " + executor.err());
  return run;
}

int bench(const Options& options) {
  const Nginx nginx;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  std::vector<double> limit, limit_cpu, rate, ratio, cpu, rss;
  for (long round = 0; round < options.rounds; ++round) {
    ExecutorFixture fixture;
    fixture.config.max_concurrency = fixture.config.max_per_host = options.concurrency;
    fixture.config.channel_capacity = options.capacity;
    fixture.config.observers = fixture.webhook("hook", nginx.url("/hook"));
    fixture.fill(options.events, static_cast<std::size_t>(options.payload));
    BareLoop bare(nginx.url("/hook"), std::string(static_cast<std::size_t>(options.payload), 'x'), options.concurrency);
    limit.push_back(bare.run(options.events));
    limit_cpu.push_back(bare.cpu_us);
    const ExecutorRun run = executor_run(fixture, nginx, options.events);
    rate.push_back(run.rate);
    cpu.push_back(run.cpu_us_per_event);
    rss.push_back(run.rss_mb);
    ratio.push_back(rate.back() / limit.back());
    fixture.delete_stream();
  }
  const std::string version = nats_server().version();
  std::fprintf(options.json ? stderr : stdout,
               "nats-server %s, %ld events of %ld bytes, max_concurrency = max_per_host = %d, channel_capacity = %d, "
               "median of %ld rounds\n",
               version.c_str(), options.events, options.payload, options.concurrency, options.capacity, options.rounds);
  if (options.json) {
    std::printf("{\"limit_requests_per_s\":%.0f,\"executor_webhooks_per_s\":%.0f,\"ratio\":%.3f,", median(limit), median(rate),
                median(ratio));
    std::printf("\"cpu_us_per_event\":%.2f,\"rss_mb\":%.1f}\n", median(cpu), median(rss));
    return 0;
  }
  std::printf("  limit_requests_per_s     %10.0f   (%.2f us of CPU a request)\n  executor_webhooks_per_s  %10.0f\n",
              median(limit), median(limit_cpu), median(rate));
  std::printf("  ratio                    %10.3f\n  cpu_us_per_event         %10.2f\n  rss_mb                   %10.1f\n",
              median(ratio), median(cpu), median(rss));
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"webhooks per second of an executor against a bare curl_multi loop, measured in one run"};
  app.add_option("--events", options.events, "events waiting in the stream")->check(CLI::Range(1L, 900'000L));
  app.add_option("--payload", options.payload, "bytes of an event, 200 at least")->check(CLI::Range(200L, 900'000L));
  app.add_option("--concurrency", options.concurrency, "connections; max_concurrency and max_per_host")
      ->check(CLI::Range(1, 4000));
  app.add_option("--capacity", options.capacity, "channel_capacity");
  app.add_option("--rounds", options.rounds, "repetitions; medians are printed")->check(CLI::Range(1L, 1000L));
  app.add_flag("--json", options.json, "one line of JSON on standard output, the settings on standard error");
  CLI11_PARSE(app, argc, argv);
  return bench(options);
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_executor: %s\n", e.what());
  return 1;
}
