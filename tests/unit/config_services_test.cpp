#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <ostream>
#include <sstream>

#include "tests/support/programs.hpp"
#include "tests/unit/config_support.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
namespace data = boost::unit_test::data;

namespace {

const Environment login = {{"USER_NAME", "me"}, {"PASS_WORD", "hunter2"}, {"EMPTY", ""}, {"TWO_LINES", "a\r\nb"}};
const std::string host = "[email]\nhost = 'mail.example.org'\nfrom = 'shop@example.org'\n";
const std::string credentials = "username_env = 'USER_NAME'\npassword_env = 'PASS_WORD'\n";

/// A file, and what is said against it.
struct Case {
  std::string text, message;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.text; }
};

const std::vector<Case> cases = {
    {"[email]", "o:1: email.host: is missing\no:1: email.from: is missing"},
    {"email = 1", "o:1: email: expected a table, got an integer"},
    {"[email]\nhost = 'h'", "o:1: email.from: is missing"},
    {"[email]\nhost = ''\nfrom = 'a@b'", "o:2: email.host: email.host cannot be empty"},
    {"[email]\nhost = 'h:25'\nfrom = 'a@b'", "o:2: email.host: must be a host alone: its port has a key of its own"},
    {"[email]\nhost = 'h h'\nfrom = 'a@b'", "o:2: email.host: the host holds a character that host names do not have"},
    {"[email]\nhost = '::1'\nfrom = 'a@b'", "o:2: email.host: an IPv6 address needs brackets"},
    {"[email]\nhost = 'h'\nfrom = 'Shop <a b@c>'", "o:3: email.from: must be a mail address such as name@example.org"},
    {"[email]\nhost = 'h'\nfrom = 'a@b, c@d'", "o:3: email.from: must be a mail address such as name@example.org"},
    {"[email]\nhost = 'h'\nfrom = '@b'", "o:3: email.from: must be a mail address such as name@example.org"},
    {"[email]\nhost = 'h'\nfrom = 'a@b..c'", "o:3: email.from: must be a mail address such as name@example.org"},
    {"[email]\nhost = 'h'\nfrom = ''", "o:3: email.from: email.from cannot be empty"},
    {host + "port = 0", "o:4: email.port: email.port must be between 1 and 65535"},
    {host + "port = '25'", "o:4: email.port: expected an integer, got a string"},
    {host + "tls = 'ssl'", "o:4: email.tls: must be one of starttls, tls, none; got ssl"},
    {host + "tls = true", "o:4: email.tls: expected a string, got a boolean"},
    {host + "username_env = 'USER_NAME'", "o:4: email.username_env: email.username_env needs email.password_env"},
    {host + "password_env = 'PASS_WORD'", "o:4: email.password_env: email.password_env needs email.username_env"},
    {host + "username_env = 'USER_NAME'\npassword_env = 'UNSET'", "o:5: email.password_env: unset variable UNSET"},
    {host + "username_env = 'EMPTY'\npassword_env = 'PASS_WORD'", "o:4: email.username_env: the username in EMPTY is empty"},
    {host + "username_env = 'USER_NAME'\npassword_env = 'EMPTY'", "o:5: email.password_env: the password in EMPTY is empty"},
    {host + "username_env = 'USER_NAME'\npassword_env = 'TWO_LINES'",
     "o:5: email.password_env: the password in TWO_LINES must not contain control characters"},
    {host + "username_env = 'me@example.org'\npassword_env = 'PASS_WORD'",
     "o:4: email.username_env: must be the name of a variable"},
    {host + credentials + "tls = 'none'",
     "o:6: email.tls: a password would go in clear text: use starttls or tls, or a host on loopback"},
    {host + "prot = 25", "o:4: email.prot: unknown key; the nearest known one is email.port"},
    {"[redis]", "o:1: redis.url: is missing"},
    {"[redis]\nurl = ''", "o:2: redis.url: redis.url cannot be empty"},
    {"[redis]\nurl = 1", "o:2: redis.url: expected a string, got an integer"},
    {"[redis]\nurl = 'rediss://h'", "o:2: redis.url: rediss://: not supported yet"},
    {"[redis]\nurl = 'h:6379'", "o:2: redis.url: must begin with redis://"},
    {"[redis]\nurl = 'redis://'", "o:2: redis.url: host is missing"},
    {"[redis]\nurl = 'redis://:secret@h:x/0'", "o:2: redis.url: port must be between 1 and 65535"},
    {"[redis]\nurl = 'redis://h/zero'", "o:2: redis.url: the database must be a number"},
    {"[redis]\nurl = 'redis://h/0?x=1'", "o:2: redis.url: must end with the database: parameters are not supported"},
    {"[redis]\nurl = 'redis://:sec ret@h'",
     "o:2: redis.url: must be printable ASCII without spaces: encode other characters as %XX"},
    {"[redis]\nurls = 'h'\nurl = 'redis://h'", "o:2: redis.urls: unknown key; the nearest known one is redis.url"},
};

std::string observer(const std::string& action) { return "[[observers]]\n[[observers.actions]]\n" + action; }
const std::string mail = observer("type = 'email'\nto = 'a@b'\nsubject = 's'\nbody_template = 'b'\n");
const std::string cache = observer("type = 'cache'\nkey_pattern = 'k'\n");
const std::string database = observer("type = 'database'\nfunction_name = 'f'\n");

}  // namespace

BOOST_AUTO_TEST_SUITE(config_services)

BOOST_DATA_TEST_CASE(a_wrong_service_gets_one_line_for_each_mistake, data::make(cases), c) {
  BOOST_TEST(mistakes(c.text, login) == c.message);
}

BOOST_AUTO_TEST_CASE(what_actions_need_is_in_the_slice_of_an_executor) {
  const ActionSettings a =
      executor_config(settings("[transport]\ntransport = 'nats'\n" + host + credentials +
                                   "port = 465\ntls = 'tls'\n[redis]\nurl = 'redis://:${PASS_WORD}@[::1]:6380/3'\n",
                               login, "[database]\nurl = 'postgresql://d/x'\n[observers]\nredis_url = 'redis://other'"))
          .actions;
  BOOST_TEST(a.email.host == "mail.example.org");
  BOOST_TEST(a.email.port == 465);
  BOOST_TEST(a.email.from == "shop@example.org");
  BOOST_TEST(a.email.username == "me");
  BOOST_TEST(a.email.password == "hunter2");
  BOOST_CHECK(a.email.tls == ActionSettings::Email::Tls::tls);
  BOOST_TEST(a.redis_url == "redis://:hunter2@[::1]:6380/3");
  BOOST_TEST(a.database_url == "postgresql://d/x");
  const ActionSettings standard = executor_config(settings("[transport]\ntransport = 'nats'\n" + host)).actions;
  BOOST_TEST(standard.email.port == 587);
  BOOST_TEST(standard.email.username == "");
  BOOST_CHECK(standard.email.tls == ActionSettings::Email::Tls::starttls);
  const ActionSettings none = executor_config(settings("[transport]\ntransport = 'nats'\n")).actions;
  BOOST_TEST(none.email.host == "");
  BOOST_TEST(none.redis_url == "");
  BOOST_TEST(none.database_url == "");
}

BOOST_AUTO_TEST_CASE(a_password_may_go_in_clear_text_on_loopback_only) {
  for (const char* own : {"localhost", "127.0.0.1", "127.1.2.3", "[::1]"})
    BOOST_TEST(mistakes("[email]\nhost = '" + std::string(own) + "'\nfrom = 'a@b'\ntls = 'none'\n" + credentials, login) == "");
  for (const char* other : {"127.0.0.1.example.org", "localhost.example.org", "[::2]", "0.0.0.0", "10.0.0.1"})
    BOOST_TEST(mistakes("[email]\nhost = '" + std::string(other) + "'\nfrom = 'a@b'\ntls = 'none'\n" + credentials, login) ==
               "o:4: email.tls: a password would go in clear text: use starttls or tls, or a host on loopback");
  BOOST_TEST(mistakes(host + "tls = 'none'\n") == "");
}

BOOST_AUTO_TEST_CASE(an_action_whose_service_is_missing_is_refused) {
  BOOST_TEST(mistakes(mail + cache + database) ==
             "o:2: observers.actions.type: an email needs the table [email]\n"
             "o:8: observers.actions.type: a cache action needs the table [redis]\n"
             "o:12: observers.actions.type: a database action needs DATABASE_URL, or url in [database] of a");
  BOOST_TEST(mistakes(mail + cache + database + host + "[redis]\nurl = 'redis://h'", {{"DATABASE_URL", "postgresql://d"}}) == "");
  BOOST_TEST(mistakes(database, {}, "[database]\nurl = 'postgresql://d'") == "");
  // One mistake is one line.
  BOOST_TEST(mistakes(cache + "[redis]\nurl = 'x'") == "o:6: redis.url: must begin with redis://");
  BOOST_TEST(mistakes(mail + "[email]") == "o:7: email.host: is missing\no:7: email.from: is missing");
  BOOST_TEST(mistakes(database, {{"DATABASE_URL", ""}}) ==
             "environment:DATABASE_URL: database.url: database.url cannot be empty");
  BOOST_TEST(complaint([] { settings(database + database, {}, "[database]\nurl = '${UNSET}'", for_executor); }) ==
             "a:2: database.url: unset variable UNSET; in a template write {{ UNSET }}");
}

BOOST_AUTO_TEST_CASE(services_need_not_be_known_where_no_executor_runs) {
  const std::string file = mail + cache + database + "[email]\nhost = '${SMTP}'\nfrom = 'a@b'\n" + credentials +
                           "[redis]\nurl = 'redis://:${REDIS_PASSWORD}@h'\n";
  BOOST_CHECK_NO_THROW(settings(file, {}, "", for_healthd));
  BOOST_TEST(complaint([&] { settings(file, {}, "", for_executor); }) != "");
}

BOOST_AUTO_TEST_CASE(secrets_are_never_in_a_message) {
  const std::string said =
      mistakes(host + credentials + "tls = 'none'\n[redis]\nurl = 'redis://:hunter2@h:x'\n" + cache +
                   observer("type = 'webhook'\nurl_env = 'HOOK'\nsigning_secret_env = 'SECRET'\n"),
               {{"USER_NAME", "hunter2"}, {"PASS_WORD", "hunter2"}, {"HOOK", "x://hunter2"}, {"SECRET", "whsec_hunter2"}});
  BOOST_TEST(said.find("the URL in HOOK") != said.npos);
  BOOST_TEST(said.find("the secret in SECRET") != said.npos);
  BOOST_TEST(said.find("redis.url: port") != said.npos);
  BOOST_TEST(said.find("hunter2") == said.npos);
}

BOOST_AUTO_TEST_CASE(every_example_in_the_page_of_actions_loads) {
  std::ifstream file(std::string(SOURCE_DIR) + "/docs/actions.md", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  const Environment set = {{"API_TOKEN", "t"},         {"HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
                           {"HOOK_SECRET_OLD", "old"}, {"SLACK_HOOK", "https://hooks.example.org/s"},
                           {"SMTP_USER", "u"},         {"SMTP_PASSWORD", "p"},
                           {"REDIS_PASSWORD", "r"},    {"DATABASE_URL", "postgresql://localhost/app"}};
  std::vector<std::string> types;
  for (auto at = page.find("```toml\n"); at != page.npos; at = page.find("```toml\n", at + 1)) {
    const auto begin = at + 8;
    const std::string block = page.substr(begin, page.find("```", begin) - begin);
    BOOST_TEST_CONTEXT(block) {
      const std::string said = mistakes(block, set);
      BOOST_TEST(said == "");
      if (!said.empty()) continue;
      const Settings s = settings(block, set);
      for (const ObserverConfig& o : s.observers())
        for (const ActionConfig& a : o.actions) types.push_back(a.type);
    }
  }
  for (const char* type : {"webhook", "slack", "email", "database", "nats", "cache", "log"})
    BOOST_TEST((std::count(types.begin(), types.end(), type) > 0), type << " has no example");
}

BOOST_AUTO_TEST_SUITE_END()
