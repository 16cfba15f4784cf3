#include <boost/test/unit_test.hpp>
#include <clocale>
#include <fstream>
#include <locale>
#include <random>
#include <sstream>

#include "tests/support/child.hpp"
#include "tests/support/programs.hpp"
#include "tests/unit/config_support.hpp"

using namespace fraiseql;
using namespace fraiseql::test;

namespace {

std::string file_of(const std::string& name) {
  std::ifstream file(std::string(SOURCE_DIR) + "/tests/data/examples/" + name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  BOOST_REQUIRE(!text.str().empty());
  return text.str();
}

const Environment nats_url = {{"NATS_URL", "nats://localhost:4222"}, {"DATABASE_URL", "postgresql://localhost/app"}};

bool begins(const std::string& text, const std::string& with) {
  BOOST_TEST_CONTEXT(text) BOOST_TEST(text.starts_with(with));
  return text.find('\n') == text.npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_bad_input)

BOOST_AUTO_TEST_CASE(the_documented_examples_load_unchanged) {
  const Settings executor = settings(file_of("executor.toml"), nats_url, file_of("app.toml"));
  BOOST_TEST(executor_config(executor).nats.max_bytes == 10'737'418'240);
  BOOST_TEST(executor.warnings().empty());
  const BridgeConfig bridge = bridge_config(settings(file_of("bridge.toml"), nats_url, file_of("app.toml")));
  BOOST_TEST(bridge.nats.url == "nats://localhost:4222");
  BOOST_TEST(executor_config(settings(file_of("minimal.toml"), nats_url, file_of("app.toml"))).nats.url ==
             "nats://localhost:4222");
  BOOST_TEST(settings(file_of("minimal.toml")).transport() == "postgres");
  BOOST_CHECK_NO_THROW(settings(file_of("executor.toml"), nats_url));
  BOOST_CHECK_NO_THROW(settings(file_of("bridge.toml"), nats_url));
}

BOOST_AUTO_TEST_CASE(an_empty_file_a_mark_of_byte_order_and_windows_lines_are_accepted) {
  BOOST_TEST(mistakes("") == "");
  BOOST_TEST(settings("\xEF\xBB\xBF[transport.bridge]\r\nbatch_size = 7\r\n").integer("transport.bridge.batch_size") == 7);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_refused) {
  BOOST_TEST(mistakes(std::string("a = 1\nb = \"x\0\"", 14)) == "o:2: file: holds a NUL byte");
  BOOST_TEST(mistakes("\n\n# \xff") == "o:3: file: is not valid UTF-8");
  for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"})
    BOOST_TEST(mistakes("x = '" + std::string(bad) + "'") == "o:1: file: is not valid UTF-8");
  BOOST_TEST(mistakes(std::string(2 * 1024 * 1024, '\n')) == "o:1: file: is larger than 1 MiB");
  BOOST_TEST(mistakes("\nx = '" + std::string(100'000, 'x') + "'") == "o:2: file: the line has more than 65536 bytes");
}

BOOST_AUTO_TEST_CASE(text_that_is_no_toml_gets_one_line_with_its_place) {
  BOOST_TEST(begins(mistakes("[a]\nx = 1\nx = 2"), "o:3: syntax: "));
  BOOST_TEST(begins(mistakes("[transport]\n[transport]"), "o:2: syntax: "));
  BOOST_TEST(begins(mistakes("\nx = 9223372036854775808"), "o:2: syntax: "));
  BOOST_TEST(begins(mistakes("\nx = 1e400"), "o:2: syntax: "));
  BOOST_TEST(begins(mistakes("\nx = \"a"), "o:2: syntax: "));
  BOOST_TEST(begins(mistakes("\nx = 'a"), "o:2: syntax: "));
  BOOST_TEST(begins(mistakes("[= 1]"), "o:1: syntax: "));
  BOOST_TEST(begins(mistakes("[transport\n"), "o:1: syntax: "));
  BOOST_TEST(begins(mistakes("transport"), "o:1: syntax: "));
  BOOST_TEST(begins(mistakes("{\"transport\": 1}"), "o:1: syntax: "));
}

BOOST_AUTO_TEST_CASE(what_would_crash_the_parser_does_not_reach_it) {
  BOOST_TEST(mistakes("\nx = " + std::string(300, '[') + std::string(300, ']')) == "o:2: syntax: nested deeper than 64 levels");
  std::string tables = "x = ";
  for (int i = 0; i < 300; ++i) tables += "{a = ";
  BOOST_TEST(mistakes(tables) == "o:1: syntax: nested deeper than 64 levels");
  std::string dotted = "a";
  for (int i = 0; i < 20'000; ++i) dotted += ".a";
  BOOST_TEST(mistakes(dotted + " = 1") == "o:1: syntax: a key has more than 32 parts");
  BOOST_TEST(mistakes("[" + dotted + "]") == "o:1: syntax: a key has more than 32 parts");
  BOOST_TEST(mistakes("\n\xC3\xA4 = 1") == "o:2: syntax: a character outside ASCII stands outside of quotes");
  BOOST_TEST(mistakes("\n\"\xC3\xA4\" = 1") == "o:2: syntax: a key may hold only ASCII characters and no escapes");
  BOOST_TEST(mistakes("\n[a.'\xC3\xA4']") == "o:2: syntax: a key may hold only ASCII characters and no escapes");
  BOOST_TEST(mistakes("x = {'\\u00e4' = 1}") == "o:1: syntax: a key may hold only ASCII characters and no escapes");
}

BOOST_AUTO_TEST_CASE(characters_outside_of_ascii_are_welcome_in_values_and_comments) {
  const Settings s =
      settings("# \xC3\xA4\n[transport.bridge] # '\xC3\xA4' = 1\ntransport_name = \"\"\"\xC3\xA4 \"x\" \\\"\"\"\"\nchain = 'on'");
  BOOST_TEST(s.text("transport.bridge.transport_name") == "\xC3\xA4 \"x\" \"");
  BOOST_TEST(settings("[[observers]]\nname = 'a'\nentity = \"\xC3\xA4\"\nactions = [{type = 'log'}]").observers()[0].entity ==
             "\xC3\xA4");
}

BOOST_AUTO_TEST_CASE(control_characters_of_a_key_do_not_break_the_line) {
  BOOST_TEST(mistakes("'a\tb' = 1").starts_with("o:1: a\\x09b: unknown key"));
}

BOOST_AUTO_TEST_CASE(one_unreadable_file_does_not_hide_the_mistakes_of_the_other) {
  const std::string said = mistakes("[x", {{"FRAISEQL_NATS_MAX_DELIVER", "0"}}, "[observers]\nmax_dlq_size = 0");
  BOOST_TEST(said.find("o:1: syntax: ") == 0u);
  BOOST_TEST(said.find("\na:2: observers.max_dlq_size: ") != said.npos);
  BOOST_TEST(said.find("\nenvironment:FRAISEQL_NATS_MAX_DELIVER: ") != said.npos);
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_read_are_named) {
  const TempDir directory;
  const std::string missing = directory / "missing.toml";
  BOOST_TEST(complaint([&] { load(Sources{.observer_file = missing, .app_file = {}}); }) ==
             missing + ":1: file: cannot be read: No such file or directory");
  const std::string itself = directory.path();
  BOOST_TEST(complaint([&] { load(Sources{.observer_file = {}, .app_file = itself}); }) ==
             itself + ":1: file: cannot be read: Is a directory");
  const std::string file = directory.file("x.toml", "[transport.bridge]\nbatch_size = 0\n");
  BOOST_TEST(complaint([&] { load(Sources{.observer_file = file, .app_file = {}}); }) ==
             file + ":2: transport.bridge.batch_size: bridge.batch_size must be between 1 and 10000");
}

BOOST_AUTO_TEST_CASE(the_locale_changes_nothing) {
  struct Turkish : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale(), new Turkish));
  std::setlocale(LC_ALL, "tr_TR.UTF-8");  // where it is installed
  const Settings s = settings("[transport.bridge]\nbatch_size = 10_000\n", {{"FRAISEQL_NATS_RUN_EXECUTORS", "FALSE"}});
  const std::string said = mistakes("[transport.bridge]\nbatch_size = 10_001\nstart_from = 1.5");
  std::locale::global(before);
  std::setlocale(LC_ALL, "C");
  BOOST_TEST(s.integer("transport.bridge.batch_size") == 10'000);
  BOOST_TEST(!s.run_executors());
  BOOST_TEST(said ==
             "o:2: transport.bridge.batch_size: bridge.batch_size must be between 1 and 10000\n"
             "o:3: transport.bridge.start_from: expected a string, got a floating point number");
}

// Broken files of every kind: either settings come of it, or ConfigError; nothing else, and no crash.
BOOST_AUTO_TEST_CASE(random_damage_ends_in_settings_or_in_one_clear_error) {
  const std::string whole =
      file_of("executor.toml") +
      "[[observers]]\nname = 'a'\n[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nheaders = { a = 'b' }\n"
      "[observers.retry]\nmax_attempts = 2\n";
  static constexpr std::string_view pieces[] = {
      "[", "]", "[[", "]]",  "=",   "= 1", "\"",      "'",          "\"\"\"", "'''", ".", ",",
      "{", "}", "#",  "\n",  "\r",  "\\",  "\\u00e4", "\xC3\xA4",   "\xff",   "${",  "}", "$",
      "-", "_", "0x", "1e9", "nan", "inf", "true",    "1979-05-27", "07:32",  "\t",  "a"};
  std::mt19937 dice(20240115);
  const auto below = [&](std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(dice); };
  int fine = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole;
    for (std::size_t change = 0, changes = 1 + below(4); change < changes; ++change) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text.erase(at, 1 + below(12));
          break;
        case 1:
          text.insert(at, pieces[below(std::size(pieces))]);
          break;
        default:
          text.replace(at, 1, pieces[below(std::size(pieces))]);
          break;
      }
    }
    try {
      (void)settings(text, nats_url);
      ++fine;
    } catch (const ConfigError& e) {
      if (!std::string_view(e.what()).starts_with("o:")) BOOST_ERROR(e.what());
    }
  }
  BOOST_TEST(fine > 0);
  BOOST_TEST(fine < 3000);
}

BOOST_AUTO_TEST_SUITE_END()
