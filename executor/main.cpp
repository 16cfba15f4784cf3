#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/postgres.hpp"
#include "common/program.hpp"
#include "common/reporter.hpp"
#include "common/session.hpp"
#include "common/status_names.hpp"
#include "executor/address.hpp"
#include "executor/in_memory/session.hpp"
#include "executor/jetstream/session.hpp"
#include "executor/observer_file.hpp"
#include "executor/postgres/session.hpp"
#include "executor/retry_letters.hpp"
#include "executor/tally.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

int check(const ExecutorConfig& config) {
  switch (config.transport) {
    case Transport::nats:
      return check_needs(config) ? EX_OK : 1;
    case Transport::postgres:
      return check_postgres(config) ? EX_OK : 1;
    case Transport::in_memory:
      break;
  }
  std::cout << "ok: events come from standard input\n";
  return EX_OK;
}

int run_executor(const CommandLine& line, const RetryRequest& retry, StopSignal& stop) {
  ObserverFile observers(line.sources);
  const Settings& settings = observers.settings();
  const ExecutorConfig& config = observers.config();
  const bool in_memory = config.transport == Transport::in_memory;
  const bool dry_run = retry.dry_run;
  if (dry_run && !in_memory && !retry.wanted()) {
    log::stop();
    std::cerr << "executor: --dry-run without --retry is for transport = in_memory, which reads events from standard input; "
                 "transport is "
              << settings.transport() << "; see executor --help\n";
    return EX_USAGE;
  }
  const AddressPolicy addresses(config.allow_networks);
  if (line.check) {
    const auto complaints = observers.current()->complaints();
    for (const auto& complaint : complaints) std::cout << complaint << "\n";
    return complaints.empty() ? check(config) : (check(config), 1);
  }
  if (retry.wanted() && in_memory)
    throw ConfigError(settings.origin("transport.transport") + ": transport.transport: " + settings.transport() +
                      ": keeps no dead letters, so there is nothing to retry");
  if (retry.wanted()) return retry_dead_letters(config, *observers.current(), addresses, retry, stop);
  log_startup(settings);
  if (observers.current()->all().empty()) log::warn("there are no [[observers]]: every event is acknowledged without any action");
  // Somebody tries observers out: health is not told, for its numbers are those of the pipeline.
  if (in_memory)
    return dry_run ? run_dry(*observers.current(), stop) : run_in_memory(config, observers.current(), addresses, stop);

  const bool postgres = config.transport == Transport::postgres;
  if (postgres) keep_freed_memory();
  Tally tally;  // counts on across sessions
  Reporter reporter(config.health, std::string(component_name::executor), line.instance);
  reporter.update([&](StatusReport& report) {
    report.state = "starting";
    (postgres ? report.postgres : report.jetstream) = Reach::unreachable;
    report.metrics = tally.metrics();
  });
  // Short pauses: an executor that comes late costs latency, and one that asks often costs a connect.
  run_sessions(
      stop, Backoff{100ms, 5s},
      [&] {
        const SessionParts parts{config, observers, addresses, tally, reporter, stop};
        postgres ? run_postgres_session(parts) : run_session(parts);
      },
      [&](const Unavailable& why) {
        reporter.turn();
        reporter.update([&](StatusReport& report) {
          const bool database = dynamic_cast<const DatabaseUnavailable*>(&why) != nullptr;
          report.state = "starting";
          (database ? report.postgres : report.jetstream) = Reach::unreachable;
          report.problems = {
              {std::string(database ? problem::postgres_unreachable : problem::jetstream_unreachable), why.what()}};
        });
      });
  log::info("stopped");
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  RetryRequest retry;
  return run_program(
      {"executor", "Takes events, runs the actions of the observers that match, and settles them.", for_executor, true}, argc,
      argv, [&](const CommandLine& line, StopSignal& stop) { return run_executor(line, retry, stop); },
      [&](CLI::App& app) {
        retry_options(retry)(app);
        app.get_option("--dry-run")->remove_needs(app.get_option("--retry"));
        app.get_option("--dry-run")
            ->description(
                "with --retry: change nothing, print what would run; with transport in_memory: the same for all events");
      });
}
