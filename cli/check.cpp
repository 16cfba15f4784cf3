#include "cli/check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include "cli/process.hpp"

namespace fraiseql {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto longest_check = 60s;
constexpr std::size_t longest_output = 256 * 1024;

struct Finding {
  std::string program;
  int code;  ///< of the program's exit; 0: well
  std::string output;
};

/// Runs a program to its end, or for a minute, and collects what it says.
Finding ask(const std::string& program, const Sources& sources) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  std::vector<std::string> command{sibling(program), "--check"};
  if (!sources.observer_file.empty()) command.insert(command.end(), {"--config", sources.observer_file});
  if (!sources.app_file.empty()) command.insert(command.end(), {"--app-config", sources.app_file});
  const pid_t pid = spawn(std::move(command), ends[1]);
  close(ends[1]);

  Finding finding{program, 1, ""};
  const auto deadline = Clock::now() + longest_check;
  bool late = false;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waiting{ends[0], POLLIN, 0};
    late = left <= 0ms || poll(&waiting, 1, static_cast<int>(left.count())) == 0;
    if (late) break;
    char buffer[4096];
    const ssize_t n = read(ends[0], buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    finding.output.append(buffer, std::min(static_cast<std::size_t>(n), longest_output - finding.output.size()));
  }
  close(ends[0]);
  if (late) {
    kill(pid, SIGKILL);
    finding.output += "no answer within 60 s\n";
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status)) finding.code = WEXITSTATUS(status);
  else if (!late) finding.output += ending(status) + "\n";
  return finding;
}

void print_text(const std::vector<Finding>& findings, std::ostream& out) {
  for (const Finding& finding : findings) {
    out << (finding.code == 0 ? "ok       " : "problem  ") << finding.program << '\n';
    std::size_t at = 0;
    while (at < finding.output.size()) {
      const auto end = std::min(finding.output.find('\n', at), finding.output.size());
      out << "         " << finding.output.substr(at, end - at) << '\n';
      at = end + 1;
    }
  }
  out.flush();
}

void print_json(const std::vector<Finding>& findings, int code, std::ostream& out) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto text = [&](const std::string& value) { json.String(value.c_str(), static_cast<rapidjson::SizeType>(value.size())); };
  json.StartObject();
  json.Key("ok");
  json.Bool(code == 0);
  json.Key("checks");
  json.StartArray();
  for (const Finding& finding : findings) {
    json.StartObject();
    json.Key("name");
    text(finding.program);
    json.Key("ok");
    json.Bool(finding.code == 0);
    json.Key("output");
    text(finding.output);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  out << buffer.GetString() << std::endl;
}

}  // namespace

int check(const Sources& sources, bool as_json, std::ostream& out) {
  const Settings settings = load(sources);
  std::string warnings;
  for (const std::string& warning : settings.warnings()) warnings += warning + "\n";
  std::vector<Finding> findings{{"configuration", 0, warnings}};
  findings.push_back(ask("healthd", sources));
  if (settings.run_bridge()) findings.push_back(ask("pg2nats-bridge", sources));
  if (settings.run_executors()) findings.push_back(ask("executor", sources));

  const auto any = [&](auto what) { return std::any_of(findings.begin(), findings.end(), what); };
  const int code = any([](const Finding& one) { return one.code == EX_CONFIG; }) ? EX_CONFIG : any([](const Finding& one) { return one.code != 0; }) ? 1 : EX_OK;
  if (as_json) print_json(findings, code, out);
  else print_text(findings, out);
  return code;
}

}  // namespace fraiseql
