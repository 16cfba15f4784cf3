#include <CLI/CLI.hpp>
#include <boost/test/unit_test.hpp>
#include <sstream>
#include <vector>

#include "common/errors.hpp"
#include "common/program.hpp"

using namespace fraiseql;

namespace {

struct Parsed {
  std::optional<int> code;
  CommandLine line;
  std::string out, err;
};

Parsed parse(std::vector<const char*> arguments, const MoreOptions& more = {}) {
  arguments.insert(arguments.begin(), "executor");
  std::ostringstream out, err;
  Parsed parsed;
  const Program program{"executor", "acts on events", for_executor};
  parsed.code = parse_command_line(program, static_cast<int>(arguments.size()), arguments.data(), parsed.line, more, out, err);
  parsed.out = out.str();
  parsed.err = err.str();
  return parsed;
}

template <class Exception>
int code_of(const Exception& exception, std::string& said) {
  std::ostringstream err;
  int code = 0;
  try {
    throw exception;
  } catch (...) {
    code = exit_code_of_current_exception(err);
  }
  said = err.str();
  return code;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(program)

BOOST_AUTO_TEST_CASE(without_arguments_the_defaults_hold) {
  const Parsed p = parse({});
  BOOST_TEST(!p.code.has_value());
  BOOST_TEST(p.line.sources.observer_file == "");
  BOOST_TEST(p.line.sources.users == static_cast<unsigned>(for_executor));
  BOOST_TEST(p.line.log_level == "info");
  BOOST_CHECK(p.line.log_format == log::Format::text);
  BOOST_TEST(!p.line.check);
  BOOST_TEST(p.line.instance.ends_with("-" + std::to_string(getpid())));
}

BOOST_AUTO_TEST_CASE(every_option_arrives) {
  const Parsed p = parse({"--config", "o.toml", "--app-config=a.toml", "--log-level", "warn", "--log-format", "json",
                          "--instance", "e-1", "--check"});
  BOOST_TEST(!p.code.has_value());
  BOOST_TEST(p.line.sources.observer_file == "o.toml");
  BOOST_TEST(p.line.sources.app_file == "a.toml");
  BOOST_TEST(p.line.log_level == "warn");
  BOOST_CHECK(p.line.log_format == log::Format::json);
  BOOST_TEST(p.line.instance == "e-1");
  BOOST_TEST(p.line.check);
}

BOOST_AUTO_TEST_CASE(a_mistake_of_usage_is_one_line_and_64) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{{"--nonsense"},
                                                                     {"extra"},
                                                                     {"--config"},
                                                                     {"--config", ""},
                                                                     {"--log-level", "loud"},
                                                                     {"--log-format", "xml"},
                                                                     {"--instance", "a b"},
                                                                     {"--instance", "a\nb"},
                                                                     {"--check=maybe"}}) {
    const Parsed p = parse(arguments);
    BOOST_TEST(p.code.value_or(-1) == 64);
    BOOST_TEST(p.out == "");
    BOOST_TEST(p.err.starts_with("executor: "));
    BOOST_TEST(p.err.find('\n') == p.err.size() - 1);
  }
}

BOOST_AUTO_TEST_CASE(help_names_keys_and_variables_of_the_program) {
  const Parsed p = parse({"--help"});
  BOOST_TEST(p.code.value_or(-1) == 0);
  BOOST_TEST(p.out.find("executor.max_concurrency = 50  [FRAISEQL_MAX_CONCURRENCY]") != p.out.npos);
  BOOST_TEST(p.out.find("transport.bridge.max_in_flight") == p.out.npos);
  BOOST_TEST(parse({"--version"}).out == "executor " FRAISEQL_VERSION "\n");
  BOOST_TEST(parse({"--version"}).code.value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(a_program_may_have_options_of_its_own) {
  bool dry_run = false;
  BOOST_TEST(!parse({"--dry-run"}, [&](CLI::App& app) { app.add_flag("--dry-run", dry_run); }).code.has_value());
  BOOST_TEST(dry_run);
}

BOOST_AUTO_TEST_CASE(exceptions_become_exit_codes) {
  std::string said;
  BOOST_TEST(code_of(ConfigError("o:1: a: b\no:2: c: d"), said) == 78);
  BOOST_TEST(said == "o:1: a: b\no:2: c: d\n");
  BOOST_TEST(code_of(Unavailable("gone"), said) == 69);
  BOOST_TEST(code_of(std::runtime_error("defect"), said) == 70);
  BOOST_TEST(code_of(7, said) == 70);
}

BOOST_AUTO_TEST_SUITE_END()
