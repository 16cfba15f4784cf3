// How executors share one consumer: the share of each, and what they do together, for 1, 2, 4 and 8 processes.
//
//   build/release/tests/bench_cluster [--events N] [--pause MS] [--concurrency N] [--processes 1,2,4,8] [--json]
//
// Every executor has its own path at one endpoint that answers after the pause. NATS_SERVER chooses the server.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/endpoint.hpp"
#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct Options {
  long events = 20'000, pause = 5;
  int concurrency = 8;
  std::vector<int> processes{1, 2, 4, 8};
  bool json = false;
};

struct Point {
  int processes;
  double rate, smallest, largest;  // shares: 1 is what each should have
};

Point measure(const Options& options, int processes) {
  ExecutorFixture fixture;
  const Endpoint endpoint{std::chrono::milliseconds(options.pause)};
  fixture.config.max_concurrency = fixture.config.max_per_host = options.concurrency;
  std::vector<Child> executors;
  for (int i = 0; i < processes; ++i) {
    fixture.config.observers = fixture.webhook("hook", endpoint.url("/" + std::to_string(i)));
    executors.push_back(fixture.start());
  }
  const bool ready = eventually([&] {
    return fixture.consumer_exists() && fixture.number("CONSUMER.INFO." + fixture.stream + "." + fixture.consumer,
                                                       {"num_waiting"}) == static_cast<std::uint64_t>(processes);
  });
  if (!ready) throw std::runtime_error("an executor does not pull");
  const auto all = static_cast<std::uint64_t>(options.events);
  fixture.fill(options.events);
  if (!eventually([&] { return endpoint.count() >= all && fixture.settled(all); }, 5min))
    throw std::runtime_error("not all came");
  for (Child& executor : executors) executor.signal(SIGTERM);
  for (Child& executor : executors)
    if (executor.wait() != 0) throw std::runtime_error("executor: " + executor.err());
  if (endpoint.count() != all) throw std::runtime_error("some came twice");
  Point point{processes, static_cast<double>(all) / endpoint.seconds(), 0, 0};
  const auto counts = endpoint.counts();
  std::vector<double> shares;
  for (int i = 0; i < processes; ++i) {
    const auto found = counts.find("/" + std::to_string(i));
    shares.push_back(found == counts.end() ? 0 : static_cast<double>(found->second) * processes / static_cast<double>(all));
  }
  point.smallest = *std::min_element(shares.begin(), shares.end());
  point.largest = *std::max_element(shares.begin(), shares.end());
  fixture.delete_stream();
  return point;
}

int bench(const Options& options) {
  std::vector<Point> points;
  for (const int processes : options.processes) points.push_back(measure(options, processes));
  std::fprintf(options.json ? stderr : stdout,
               "nats-server %s, %ld events of 200 bytes, endpoint answers after %ld ms, max_concurrency = max_per_host = %d\n",
               nats_server().version().c_str(), options.events, options.pause, options.concurrency);
  if (!options.json) std::printf("  executors  webhooks/s  smallest share  largest share\n");
  if (options.json) std::printf("[");
  for (const Point& point : points)
    std::printf(options.json ? "%s{\"executors\":%d,\"webhooks_per_s\":%.0f,\"smallest_share\":%.3f,\"largest_share\":%.3f}"
                             : "%s  %9d  %10.0f  %14.3f  %13.3f\n",
                options.json && &point != &points.front() ? "," : "", point.processes, point.rate, point.smallest, point.largest);
  if (options.json) std::printf("]\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"how executors share one consumer, and what they do together"};
  app.add_option("--events", options.events, "events that come")->check(CLI::Range(1L, 900'000L));
  app.add_option("--pause", options.pause, "milliseconds until the endpoint answers")->check(CLI::Range(0L, 10'000L));
  app.add_option("--concurrency", options.concurrency, "max_concurrency and max_per_host of each")->check(CLI::Range(1, 4000));
  app.add_option("--processes", options.processes, "how many executors, one run for each number")->delimiter(',');
  app.add_flag("--json", options.json, "one line of JSON on standard output, the settings on standard error");
  CLI11_PARSE(app, argc, argv);
  return bench(options);
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_cluster: %s\n", e.what());
  return 1;
}
