// servers: none
// What a program makes of bad configuration: plain lines on standard error, 78, and nothing else.
#define BOOST_TEST_MODULE config_exit
#include <boost/test/unit_test.hpp>

#include "tests/support/child.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;

namespace {

Finished bridge(const TempDir& directory, std::vector<std::string> arguments,
                std::map<std::string, std::string> environment = {}) {
  arguments.insert(arguments.begin(), PG2NATS_BRIDGE);
  Child::Options options;
  options.environment = std::move(environment);
  options.directory = directory.path();
  return run(std::move(arguments), std::move(options), std::chrono::seconds(20));
}

}  // namespace

BOOST_AUTO_TEST_CASE(mistakes_of_both_files_and_the_environment_end_it_with_78_before_it_connects) {
  const TempDir directory;
  directory.file("fraiseql-observer.toml", "[transport]\nrun_bridge = true\n[transport.bridge]\nbatch_size = 0\n");
  directory.file("fraiseql.toml", "[observers]\nbackend = 'redis'\n");
  const Finished ended = bridge(directory, {}, {{"FRAISEQL_NATS_MAX_DELIVER", "0"}});
  BOOST_TEST(ended.status == 78);
  BOOST_TEST(ended.out == "");
  BOOST_TEST(ended.err ==
             "fraiseql-observer.toml:4: transport.bridge.batch_size: bridge.batch_size must be between 1 and 10000\n"
             "fraiseql.toml:2: observers.backend: must be one of postgres, postgresql, nats, in_memory, in-memory; got redis\n"
             "environment:FRAISEQL_NATS_MAX_DELIVER: transport.nats.jetstream.max_deliver: jetstream.max_deliver must be > 0\n"
             "fraiseql-observer.toml:2: transport.run_bridge: run_bridge=true requires transport=nats\n");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_named_must_be_there) {
  const TempDir directory;
  const Finished ended = bridge(directory, {"--config", "missing.toml", "--log-format", "json"});
  BOOST_TEST(ended.status == 78);
  BOOST_TEST(ended.err == "missing.toml:1: file: cannot be read: No such file or directory\n");
}

BOOST_AUTO_TEST_CASE(usage_ends_it_with_64_and_help_with_0) {
  const TempDir directory;
  const Finished wrong = bridge(directory, {"--frobnicate"});
  BOOST_TEST(wrong.status == 64);
  BOOST_TEST(wrong.err.find('\n') == wrong.err.size() - 1);
  const Finished help = bridge(directory, {"--help"});
  BOOST_TEST(help.status == 0);
  BOOST_TEST(help.out.find("transport.bridge.batch_size = 100  [FRAISEQL_BRIDGE_BATCH_SIZE]") != help.out.npos);
  BOOST_TEST(help.err == "");
}
