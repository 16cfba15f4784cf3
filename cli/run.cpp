#include "cli/run.hpp"

#include <sysexits.h>
#include <unistd.h>

#include "cli/process.hpp"
#include "cli/supervisor.hpp"
#include "common/errors.hpp"
#include "common/stop.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

std::string host_and_pid() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) name[0] = '\0';
  return (name[0] ? std::string(name) : "localhost") + "-" + std::to_string(getpid());
}

std::vector<std::string> command(const RunOptions& options, const std::string& program, const std::string& instance) {
  std::vector<std::string> words{sibling(program)};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {option, value});
  };
  add("--config", options.sources.observer_file);
  add("--app-config", options.sources.app_file);
  add("--log-level", options.log_level);
  add("--log-format", options.log_format == log::Format::json ? "json" : "text");
  // The same after a restart: then the new process takes over the place of the old one in /health.
  add("--instance", instance);
  return words;
}

std::vector<Supervised> programs(const RunOptions& options, const Settings& settings, const std::string& base) {
  std::vector<Supervised> all;
  all.push_back({"healthd", command(options, "healthd", base + "-healthd"), true});
  if (settings.run_bridge()) all.push_back({"pg2nats-bridge", command(options, "pg2nats-bridge", base + "-bridge")});
  if (!settings.run_executors() && options.executors.value_or(0) > 0)
    throw ConfigError("--executors: the configuration says transport.run_executors = false (" + settings.origin("transport.run_executors") + ")");
  const int executors = settings.run_executors() ? options.executors.value_or(1) : 0;
  for (int i = 1; i <= executors; ++i) {
    const std::string name = "executor-" + std::to_string(i);
    all.push_back({name, command(options, "executor", base + "-" + name), false, true});
  }
  return all;
}

}  // namespace

int run(const RunOptions& options) {
  StopSignal stop;  // these two before anything that starts a thread
  Supervisor supervisor{stop};
  const Settings settings = load(options.sources);
  const std::string base = options.instance.empty() ? host_and_pid() : options.instance;
  const auto all = programs(options, settings, base);
  // All that would end a program with 78 at once, and a restart would not mend.
  health_config(settings);
  if (settings.run_bridge()) bridge_config(settings);
  if (settings.run_executors() && executor_config(settings).transport == Transport::in_memory)
    throw ConfigError(settings.origin("transport.transport") +
                      ": transport.transport: in_memory: events come from standard input, which run does not have; use: executor < events.jsonl");

  log::start("fraiseql", base, options.log_level, options.log_format);
  // What an executor may take to finish its work, and a little for the rest.
  const auto patience = std::chrono::milliseconds(settings.integer("executor.shutdown_timeout")) + 5s;
  const int code = supervisor.run(all, patience);
  log::info("stopped");
  log::stop();
  return code;
}

}  // namespace fraiseql
