#include <sysexits.h>

#include "bridge/check.hpp"
#include "bridge/memory.hpp"
#include "bridge/publish_stats.hpp"
#include "bridge/republish.hpp"
#include "bridge/session.hpp"
#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/postgres.hpp"
#include "common/program.hpp"
#include "common/reporter.hpp"
#include "common/session.hpp"
#include "common/status_names.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

int run_bridge(const CommandLine& line, const RetryRequest& retry, StopSignal& stop) {
  const Settings settings = load(line.sources);
  const BridgeConfig config = bridge_config(settings);
  if (line.check) return check_bridge(config);
  if (retry.wanted()) return republish_letters(config, retry, stop);
  log_startup(settings);
  keep_freed_memory();

  Reporter reporter(config.health, std::string(component_name::bridge), line.instance);
  BridgeMemory memory;
  PublishStats stats;
  run_sessions(
      stop, Backoff{100ms, 30s}, [&] { BridgeSession(config, line.instance, memory, stats, reporter, stop).run(); },
      [&](const Unavailable& why) {
        reporter.turn();
        const bool postgres = dynamic_cast<const DatabaseUnavailable*>(&why) != nullptr;
        const auto* refused = dynamic_cast<const Refused*>(&why);
        const bool begun_anew = dynamic_cast<const SessionOver*>(&why) != nullptr;
        reporter.update([&](StatusReport& report) {
          report.state = "running";
          report.problems.clear();
          if (refused) report.problems[refused->problem] = why.what();
          else if (!begun_anew) (postgres ? report.postgres : report.jetstream) = Reach::unreachable;
          report.details["last_failure"] = why.what();
          report.metrics.set(metric::leader, 0);
          report.metrics.set(metric::in_flight, 0);
          stats.write(report.metrics);
        });
      });
  log::info("stopped");
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  RetryRequest retry;
  return run_program({"pg2nats-bridge", "Publishes every committed change of the change log to NATS JetStream, in order, once.", for_bridge}, argc, argv,
                     [&](const CommandLine& line, StopSignal& stop) { return run_bridge(line, retry, stop); }, retry_options(retry));
}
