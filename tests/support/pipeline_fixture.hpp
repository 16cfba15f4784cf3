#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <string>

#include "tests/support/bridge_fixture.hpp"
#include "tests/support/http.hpp"
#include "tests/support/webhook_receiver.hpp"

namespace fraiseql::test {

/// Words for a failed check that are asked for when they are printed. BOOST_TEST makes its message before it evaluates its
/// condition: a plain string would tell how things stood before `eventually` waited.
struct Later {
  std::function<std::string()> tell;
};
std::ostream& operator<<(std::ostream& out, const Later& later);

/// Every program of the pipeline between a database, a nats-server and a receiver that one observer posts every event to.
struct PipelineFixture : BridgeFixture {
  using Settings = std::map<std::string, std::string>;
  WebhookReceiver receiver;
  int health_port = free_port();
  std::string file;  ///< the configuration of all programs

  /// `settings` as in BridgeFixture::configuration.
  explicit PipelineFixture(const Settings& settings = {});

  Child program(const char* path, const std::string& instance) const;
  HttpAnswer health(bool verbose = false) const { return http_get(health_port, verbose ? "/health?verbose" : "/health"); }
  Later verbose() const { return {[this] { return health(true).body; }}; }
  Later progress() const { return {[this] { return std::to_string(acted_on()) + " acted on; " + consumer(); }}; }
  /// /health's verdict becomes "ok", "degraded" or "down" within the limit.
  bool says(const std::string& verdict, std::chrono::seconds limit = std::chrono::seconds(30)) const;
  /// ?verbose gives this reason at this level, now.
  bool reason(const std::string& level, const std::string& code) const;

  std::size_t acted_on() const { return receiver.distinct("webhook-id"); }
  /// The consumer has nothing waiting and nothing unacknowledged; false while the server is away.
  bool settled() const;
  std::string consumer() const { return reader.link().api("CONSUMER.INFO.fraiseql_events.fraiseql_observer_worker").json; }
};

/// The seed of this run, printed: `--seed N` after `--`, else the variable FRAISEQL_TEST_SEED, else a fresh one.
unsigned seed_of_this_run();

/// A number that makes a run longer: `--<name> N` after `--`, else the variable FRAISEQL_TEST_<NAME>, else `otherwise`.
std::size_t number_of_this_run(const std::string& name, std::size_t otherwise);

/// The most memory that a process has had resident, in kB.
long peak_kb(pid_t pid);

}  // namespace fraiseql::test
