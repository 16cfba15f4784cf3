#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/program.hpp"
#include "healthd/check.hpp"
#include "healthd/collector.hpp"
#include "healthd/health.hpp"
#include "healthd/http_server.hpp"
#include "healthd/probe.hpp"
#include "healthd/routes.hpp"
#include "healthd/worker.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

int serve(const HealthConfig& config, StopSignal& stop) {
  Health health{config};
  Collector collector{config.status_endpoints.at(0), health};
  HttpServer http{config.listen, [&](const Request& request) { return route(request, health); }};
  log::info("ready", {{"listen", config.listen}, {"status_endpoint", config.status_endpoints[0]}});

  Worker collecting{"collector", [&](std::chrono::milliseconds pause) {
                      collector.turn(pause);
                      health.look();
                    }};
  Worker answering{"http", [&](std::chrono::milliseconds pause) { http.turn(pause); }};
  // This thread asks for no lock, so that it can tell when the others hang in one.
  while (!stop.wait_for(1s)) {
    for (Worker* worker : {&collecting, &answering}) {
      if (worker->turns()) continue;
      log::error("no progress for 60 s; ending, to be started again", {{"loop", worker->name()}});
      log::stop();
      std::_Exit(EX_SOFTWARE);
    }
  }
  log::info("stopped");
  return EX_OK;
}

int probe_once(const HealthConfig& config) {
  const std::string complaint = healthd::probe(config.listen);
  if (!complaint.empty()) std::cerr << complaint << std::endl;
  return complaint.empty() ? EX_OK : 1;
}

}  // namespace

int main(int argc, char** argv) {
  bool probing = false;
  return run_program(
      {"healthd", "gathers the status of all other programs; answers /health and /metrics, shows a live page", for_healthd}, argc, argv,
      [&](const CommandLine& line, StopSignal& stop) {
        const HealthConfig config = health_config(load(line.sources));
        if (probing) return probe_once(config);
        if (line.check) return check_health(config, std::cout) ? EX_OK : 1;
        return serve(config, stop);
      },
      [&](CLI::App& app) { app.add_flag("--probe", probing, "ask the healthd that runs here for /livez; exit 0 or 1"); });
}
