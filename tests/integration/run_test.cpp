// servers: none
#define BOOST_TEST_MODULE run
#include <signal.h>
#include <sysexits.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/child.hpp"
#include "tests/support/http.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

/// `fraiseql run` with a configuration of its own; NATS and PostgreSQL are where nobody listens.
struct Pipeline {
  explicit Pipeline(std::vector<std::string> more_arguments = {}, const std::string& transport = "run_executors = false\n") {
    file = directory.file("fraiseql-observer.toml", "[transport]\ntransport = \"nats\"\n" + transport +
                                                        "[transport.nats]\nurl = \"nats://127.0.0.1:" + std::to_string(free_port()) +
                                                        "\"\n[health]\nlisten = \"127.0.0.1:" + std::to_string(port) +
                                                        "\"\nstatus_endpoint = \"tcp://127.0.0.1:" + std::to_string(free_port()) +
                                                        "\"\n[executor]\nshutdown_timeout = \"2s\"\n");
    std::vector<std::string> command{FRAISEQL_COMMAND, "run", "--config", file};
    command.insert(command.end(), more_arguments.begin(), more_arguments.end());
    child.emplace(std::move(command));
  }
  bool alive() { return http_get(port, "/livez").status == 200; }

  TempDir directory;
  int port = free_port();
  std::string file;
  std::optional<Child> child;
};

/// The processes whose parent is `parent` and whose program has this name.
std::set<pid_t> children_of(pid_t parent, const std::string& program) {
  std::set<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    const std::string stat = pid > 0 ? read_file(entry.path() / "stat") : "";
    const auto end = stat.rfind(") ");  // pid (name) state parent ...
    if (end == std::string::npos || stat[end + 2] == 'Z' || std::atoi(stat.c_str() + end + 4) != parent) continue;
    if (stat.substr(stat.find('(') + 1, end - stat.find('(') - 1) == program) found.insert(pid);
  }
  return found;
}

bool lives(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return !stat.empty() && stat.substr(stat.rfind(") ") + 2, 1) != "Z";
}

}  // namespace

BOOST_AUTO_TEST_CASE(healthd_is_started_and_started_again_when_it_is_killed_and_sigterm_stops_all) {
  Pipeline pipeline;
  BOOST_REQUIRE(eventually([&] { return pipeline.alive(); }));
  const auto first = children_of(pipeline.child->pid(), "healthd");
  BOOST_REQUIRE(first.size() == 1u);
  kill(*first.begin(), SIGKILL);
  BOOST_TEST(eventually([&] {
    const auto now = children_of(pipeline.child->pid(), "healthd");
    return now.size() == 1 && now != first && pipeline.alive();
  }));
  const auto second = children_of(pipeline.child->pid(), "healthd");
  pipeline.child->signal(SIGTERM);
  BOOST_TEST(pipeline.child->wait(20s) == 0);
  BOOST_TEST(!lives(*second.begin()));
  BOOST_TEST(pipeline.child->err().find("ended, will be started again program=\"healthd\" how=\"signal 9 (Killed)\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(children_die_with_a_killed_run) {
  Pipeline pipeline;
  BOOST_REQUIRE(eventually([&] { return pipeline.alive(); }));
  const auto children = children_of(pipeline.child->pid(), "healthd");
  BOOST_REQUIRE(children.size() == 1u);
  pipeline.child->kill();
  BOOST_TEST(eventually([&] { return !lives(*children.begin()); }, 5s));
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_ends_run_with_78_before_anything_is_started) {
  Pipeline pipeline{{}, "run_exexutors = true\n"};
  BOOST_TEST(pipeline.child->wait(20s) == EX_CONFIG);
  const std::string said = pipeline.child->err();
  BOOST_TEST(said.find(pipeline.file + ":3: ") == 0u);
  BOOST_TEST(said.find("run_executors") != std::string::npos);  // the nearest known key
  BOOST_TEST(said.find("started") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_child_that_ends_with_78_ends_run_with_78) {
  Pipeline pipeline;
  BOOST_REQUIRE(eventually([&] { return pipeline.alive(); }));
  std::ofstream(pipeline.file, std::ios::app) << "nonsense = true\n";
  kill(*children_of(pipeline.child->pid(), "healthd").begin(), SIGKILL);
  BOOST_TEST(pipeline.child->wait(20s) == EX_CONFIG);
}

BOOST_AUTO_TEST_CASE(executors_are_as_many_as_asked_for_and_each_comes_back) {
  Pipeline pipeline{{"--executors", "2", "--instance", "night"}, ""};
  const auto executors = [&] { return children_of(pipeline.child->pid(), "executor"); };
  BOOST_REQUIRE(eventually([&] { return pipeline.alive() && executors().size() == 2; }));
  BOOST_TEST(eventually([&] {
    const std::string answer = http_get(pipeline.port, "/health?verbose").body;
    return answer.find(R"("instance":"night-executor-1")") != std::string::npos && answer.find(R"("instance":"night-executor-2")") != std::string::npos;
  }));
  const auto first = executors();
  kill(*first.begin(), SIGKILL);
  BOOST_TEST(eventually([&] {
    const auto now = executors();
    return now.size() == 2 && now != first;
  }));
  pipeline.child->signal(SIGINT);
  BOOST_TEST(pipeline.child->wait(20s) == 0);
  for (const pid_t pid : first) BOOST_TEST(!lives(pid));
}

BOOST_AUTO_TEST_CASE(a_hangup_is_passed_on_to_the_executors_and_ends_nothing) {
  Pipeline pipeline{{"--executors", "2", "--instance", "day"}, ""};
  const auto executors = [&] { return children_of(pipeline.child->pid(), "executor"); };
  BOOST_REQUIRE(eventually([&] { return http_get(pipeline.port, "/health?verbose").body.find("day-executor-2") != std::string::npos; }));
  const auto before = executors();
  const auto healthd = children_of(pipeline.child->pid(), "healthd");
  pipeline.child->signal(SIGHUP);
  // They have no NATS, so nobody takes the signal: the kernel shows it as pending for the process.
  BOOST_TEST(eventually([&] {
    return std::all_of(before.begin(), before.end(), [](pid_t pid) {
      const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
      return status.find("ShdPnd:\t0000000000000001") != std::string::npos;
    });
  }));
  BOOST_TEST((executors() == before && children_of(pipeline.child->pid(), "healthd") == healthd));
  pipeline.child->signal(SIGTERM);
  BOOST_TEST(pipeline.child->wait(20s) == 0);
}

BOOST_AUTO_TEST_CASE(a_frozen_child_is_killed_when_its_time_to_stop_is_over) {
  Pipeline pipeline;
  BOOST_REQUIRE(eventually([&] { return pipeline.alive(); }));
  kill(*children_of(pipeline.child->pid(), "healthd").begin(), SIGSTOP);
  pipeline.child->signal(SIGTERM);
  BOOST_TEST(pipeline.child->wait(30s) == 0);
  BOOST_TEST(pipeline.child->err().find("did not stop in time, killed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_mistake_on_the_command_line_is_64) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"run", "--executors", "-1"}, {"run", "--executors", "many"},
                                                    {"run", "--instance", "a b"}, {"run", "--format", "json"}, {"run", "--log-level", "loud"}, {"check", "it"}}) {
    std::vector<std::string> command{FRAISEQL_COMMAND};
    command.insert(command.end(), arguments.begin(), arguments.end());
    BOOST_TEST(run(command).status == EX_USAGE);
  }
  Pipeline pipeline{{"--executors", "2"}};
  BOOST_TEST(pipeline.child->wait(20s) == EX_CONFIG);
  BOOST_TEST(pipeline.child->err().find("--executors: the configuration says transport.run_executors = false") == 0u);
}

BOOST_AUTO_TEST_CASE(check_tells_what_each_program_says) {
  Pipeline pipeline;
  BOOST_REQUIRE(eventually([&] { return pipeline.alive(); }));
  const Finished well = run({FRAISEQL_COMMAND, "check", "--config", pipeline.file});
  BOOST_TEST(well.status == 0);
  BOOST_TEST(well.out.find("ok       configuration\nok       healthd\n") == 0u);
  BOOST_TEST(well.out.find("a healthd runs there") != std::string::npos);
  pipeline.child->signal(SIGTERM);
  BOOST_TEST(pipeline.child->wait(20s) == 0);

  Child::Options options;
  options.environment = {{"FRAISEQL_STATUS_ENDPOINT", "ipc:///no/such/directory/socket"}};
  const Finished bad = run({FRAISEQL_COMMAND, "check", "--format", "json", "--config", pipeline.file}, options);
  BOOST_TEST(bad.status == 1);
  BOOST_TEST(bad.out.find(R"({"ok":false,"checks":[{"name":"configuration","ok":true,"output":""},{"name":"healthd","ok":false,"output":")") == 0u);

  std::ofstream(pipeline.file, std::ios::app) << "nonsense = true\n";
  const Finished wrong = run({FRAISEQL_COMMAND, "check", "--config", pipeline.file});
  BOOST_TEST(wrong.status == EX_CONFIG);
  BOOST_TEST(wrong.err.find("nonsense") != std::string::npos);
}
