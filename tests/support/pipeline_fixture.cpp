#include "tests/support/pipeline_fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <ostream>
#include <random>

namespace fraiseql::test {

std::ostream& operator<<(std::ostream& out, const Later& later) { return out << later.tell(); }

PipelineFixture::PipelineFixture(const std::map<std::string, std::string>& settings) {
  auto more = settings;
  more["health"] += "listen = \"127.0.0.1:" + std::to_string(health_port) + "\"\n";
  more["security"] += "allow_networks = [\"127.0.0.0/8\"]\n";
  std::string text = read_file(configuration(more));
  const std::string off = "run_executors = false";
  text.replace(text.find(off), off.size(), "run_executors = true");
  text += "[[observers]]\nname = \"all\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + receiver.url("/all") + "\"\n";
  file = directory.file("pipeline.toml", text).string();
}

Child PipelineFixture::program(const char* path, const std::string& instance) const {
  Child::Options options;
  options.environment["DATABASE_URL"] = database;
  options.directory = directory.path().string();
  return Child({path, "--config", file, "--instance", instance, "--log-level", "warn"}, options);
}

bool PipelineFixture::says(const std::string& verdict, std::chrono::seconds limit) const {
  return eventually([&] { return health().body.starts_with("{\"status\":\"" + verdict + "\""); }, limit);
}

bool PipelineFixture::reason(const std::string& level, const std::string& code) const {
  return health(true).body.find("{\"level\":\"" + level + "\",\"code\":\"" + code + "\"") != std::string::npos;
}

bool PipelineFixture::settled() const {
  try {
    const std::string json = consumer();
    return json.find("\"num_pending\":0") != std::string::npos && json.find("\"num_ack_pending\":0") != std::string::npos;
  } catch (const std::exception&) {
    return false;
  }
}

namespace {

const char* given_to_this_run(const std::string& name) {
  std::string variable = "FRAISEQL_TEST_" + name;
  for (char& c : variable)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c & ~0x20);
  const auto& suite = boost::unit_test::framework::master_test_suite();
  for (int i = 1; i + 1 < suite.argc; ++i)
    if (suite.argv[i] == "--" + name) return suite.argv[i + 1];
  return std::getenv(variable.c_str());
}

}  // namespace

std::size_t number_of_this_run(const std::string& name, std::size_t otherwise) {
  const char* given = given_to_this_run(name);
  return given ? std::strtoul(given, nullptr, 10) : otherwise;
}

unsigned seed_of_this_run() {
  const char* given = given_to_this_run("seed");
  const unsigned seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::fprintf(stderr, "seed %u\n", seed);
  return seed;
}

long peak_kb(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const auto at = status.find("VmHWM:");
  return at == std::string::npos ? -1 : std::atol(status.c_str() + at + 6);
}

}  // namespace fraiseql::test
