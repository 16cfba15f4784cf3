#include "common/program.hpp"

#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>

#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/text.hpp"

namespace fraiseql {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

/// Instances name rows, labels and log lines.
std::string instance_complaint(const std::string& name) {
  if (name.empty() || name.size() > 128) return "must have 1 to 128 bytes";
  for (const char c : name)
    if (c <= ' ' || c >= 0x7f) return "must be printable ASCII without spaces";
  return {};
}

}  // namespace

std::optional<int> parse_command_line(const Program& program, int argc, const char* const* argv, CommandLine& line,
                                      const MoreOptions& more, std::ostream& out, std::ostream& err) {
  CLI::App app{program.purpose, program.name};
  std::string format = "text";
  const auto file = [](const std::string& path) { return path.empty() ? std::string("must not be empty") : std::string{}; };
  app.add_option("--config", line.sources.observer_file,
                 "the observer file; not given: fraiseql-observer.toml here, if there is one")
      ->type_name("FILE")
      ->check(file);
  app.add_option("--app-config", line.sources.app_file, "FraiseQL's file; not given: fraiseql.toml here, if there is one")
      ->type_name("FILE")
      ->check(file);
  app.add_option("--log-level", line.log_level, "trace, debug, info, warn or error; default info")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  app.add_option("--log-format", format, "text or json; default text")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--instance", line.instance, "name of this process in reports; default <host>-<pid>")
      ->type_name("NAME")
      ->check(instance_complaint);
  app.add_flag("--check", line.check, "look at all that the program needs, change nothing, exit 0 or 1");
  app.set_version_flag("--version", program.name + " " + FRAISEQL_VERSION);
  app.footer("\nExit codes: 0 stopped as asked, 64 usage, 70 a defect, 78 configuration.\n\n" + keys_help(program.users));
  if (more) more(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    app.exit(e, out, err);
    return EX_OK;
  } catch (const CLI::ParseError& e) {
    // The library's own codes are 105 to 114.
    err << program.name << ": " << one_line(e.what()) << "; see " << program.name << " --help\n";
    return EX_USAGE;
  }
  line.sources.users = program.users;
  line.log_format = format == "json" ? log::Format::json : log::Format::text;
  if (line.instance.empty()) line.instance = host_name() + "-" + std::to_string(getpid());
  return std::nullopt;
}

int exit_code_of_current_exception(std::ostream& err) {
  try {
    throw;
  } catch (const ConfigError& e) {
    log::stop();  // the lines below stand alone, after all of the log
    err << e.what() << std::endl;
    return EX_CONFIG;
  } catch (const Unavailable& e) {
    log::error("unavailable", {{"why", e.what()}});
    return EX_UNAVAILABLE;
  } catch (const std::exception& e) {
    log::error("unexpected", {{"why", e.what()}});
    return EX_SOFTWARE;
  } catch (...) {
    log::error("unexpected", {{"why", "an exception of an unknown kind"}});
    return EX_SOFTWARE;
  }
}

int run_program(const Program& program, int argc, const char* const* argv,
                const std::function<int(const CommandLine&, StopSignal&)>& body, const MoreOptions& more) {
  int code = EX_SOFTWARE;
  try {
    StopSignal stop;  // before anything that starts a thread
    if (program.rereads) HangupSignal::block();
    CommandLine line;
    if (const auto done = parse_command_line(program, argc, argv, line, more, std::cout, std::cerr)) return *done;
    log::start(program.name, line.instance, line.log_level, line.log_format);
    code = body(line, stop);
  } catch (...) {
    code = exit_code_of_current_exception(std::cerr);
  }
  log::stop();
  return code;
}

}  // namespace fraiseql
