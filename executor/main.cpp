#include <sysexits.h>

#include <iostream>

#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/program.hpp"
#include "common/reporter.hpp"
#include "common/session.hpp"
#include "common/status_names.hpp"
#include "executor/address.hpp"
#include "executor/jetstream/session.hpp"
#include "executor/observer_file.hpp"
#include "executor/retry_letters.hpp"
#include "executor/tally.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

int run_executor(const CommandLine& line, const RetryRequest& retry, StopSignal& stop) {
  ObserverFile observers(line.sources);
  const ExecutorConfig& config = observers.config();
  if (config.transport != Transport::nats)
    throw ConfigError(observers.settings().origin("transport.transport") + ": transport.transport: " +
                      observers.settings().transport() + ": not supported yet");
  const AddressPolicy addresses(config.allow_networks);
  if (line.check) {
    const auto complaints = observers.current()->complaints();
    for (const auto& complaint : complaints) std::cout << complaint << "\n";
    return check_needs(config) && complaints.empty() ? EX_OK : 1;
  }
  if (retry.wanted()) return retry_dead_letters(config, *observers.current(), addresses, retry, stop);
  log_startup(observers.settings());
  if (observers.current()->all().empty()) log::warn("there are no [[observers]]: every event is acknowledged without any action");

  Tally tally;  // counts on across sessions
  Reporter reporter(config.health, std::string(component_name::executor), line.instance);
  reporter.update([&](StatusReport& report) {
    report.state = "starting";
    report.jetstream = Reach::unreachable;
    report.metrics = tally.metrics();
  });
  // Short pauses: an executor that comes late costs latency, and one that asks often costs a connect.
  run_sessions(
      stop, Backoff{100ms, 5s},
      [&] {
        run_session({config, observers, addresses, tally, reporter, stop});
      },
      [&](const Unavailable& why) {
        reporter.turn();
        reporter.update([&](StatusReport& report) {
          report.state = "starting";
          report.jetstream = Reach::unreachable;
          report.problems = {{std::string(problem::jetstream_unreachable), why.what()}};
        });
      });
  log::info("stopped");
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  RetryRequest retry;
  return run_program({"executor", "Takes events from JetStream, runs the actions of the observers that match, and settles them.",
                      for_executor, true},
                     argc, argv, [&](const CommandLine& line, StopSignal& stop) { return run_executor(line, retry, stop); },
                     retry_options(retry));
}
