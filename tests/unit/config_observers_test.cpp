#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>

#include "tests/unit/config_support.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

const Environment hook = {{"SHIPPING_HOOK", "https://hooks.example.org/x"}, {"API_TOKEN", "t\"1"}};
const std::string log_action = "[[observers.actions]]\ntype = 'log'\n";

/// What stands below an [[observers]] line, and what is said against it; the line counts from that line as 1.
struct Case {
  std::string text, message;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.text; }
};

const std::vector<Case> cases = {
    {"entity = ''\n" + log_action, "o:2: observers.entity: observers.entity cannot be empty"},
    {"event_type = 'UPSERT'\n" + log_action,
     "o:2: observers.event_type: must be one of INSERT, UPDATE, DELETE, CUSTOM, *; got UPSERT"},
    {"on_failure = 'ignore'\n" + log_action, "o:2: observers.on_failure: must be one of dlq, log, alert; got ignore"},
    {"enabled = 1\n" + log_action, "o:2: observers.enabled: expected true or false, got an integer"},
    {"entitty = 'x'\n" + log_action, "o:2: observers.entitty: unknown key; the nearest known one is observers.entity"},
    {"", "o:1: observers.actions: an observer needs at least one [[observers.actions]]"},
    {"actions = []", "o:1: observers.actions: an observer needs at least one [[observers.actions]]"},
    {"actions = [1]", "o:2: observers.actions: expected a table, got an integer"},
    {"[observers.actions]\ntype = 'log'", "o:2: observers.actions: write [[observers.actions]]"},
    {"[[observers.actions]]\nlevel = 'info'", "o:2: observers.actions.type: is missing"},
    {"[[observers.actions]]\ntype = 7", "o:3: observers.actions.type: expected a string, got an integer"},
    {"[[observers.actions]]\ntype = 'sms'\nto = 'x'", "o:3: observers.actions.type: Unsupported action type: sms"},
    {"[[observers.actions]]\ntype = 'push'", "o:3: observers.actions.type: Unsupported action type: push"},
    {"[[observers.actions]]\ntype = 'search'", "o:3: observers.actions.type: Unsupported action type: search"},
    {"[[observers.actions]]\ntype = 'slack'\nchannel = 'x'", "o:3: observers.actions.type: slack: not supported yet"},
    {"[[observers.actions]]\ntype = 'email'", "o:3: observers.actions.type: email: not supported yet"},
    {"[[observers.actions]]\ntype = 'database'", "o:3: observers.actions.type: database: not supported yet"},
    {"[[observers.actions]]\ntype = 'nats'", "o:3: observers.actions.type: nats: not supported yet"},
    {"[[observers.actions]]\ntype = 'cache'", "o:3: observers.actions.type: cache: not supported yet"},
    {log_action + "level = 'fatal'", "o:4: observers.actions.level: must be one of debug, info, warn, error; got fatal"},
    {log_action + "url = 'http://x'", "o:4: observers.actions.url: has no meaning for type log"},
    {log_action + "message_template = 'x'", "o:4: observers.actions.message_template: not supported yet"},
    {"[[observers.actions]]\ntype = 'webhook'", "o:2: observers.actions.url: a webhook needs url or url_env"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://x'\nurl_env = 'SHIPPING_HOOK'",
     "o:5: observers.actions.url_env: url and url_env are both set"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl_env = 'NO_HOOK'", "o:4: observers.actions.url_env: unset variable NO_HOOK"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'ftp://x'",
     "o:4: observers.actions.url: must begin with http:// or https://"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://'", "o:4: observers.actions.url: host is missing"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a:99999'",
     "o:4: observers.actions.url: port must be between 1 and 65535"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a b'",
     "o:4: observers.actions.url: must be printable ASCII without spaces: encode other characters as %XX"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nmethod = 'FETCH'",
     "o:5: observers.actions.method: must be one of GET, POST, PUT, PATCH, DELETE"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\ntimeout_secs = 0",
     "o:5: observers.actions.timeout_secs: actions.timeout_secs must be between 1 and 3600"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nbody_template = '{}'",
     "o:5: observers.actions.body_template: not supported yet"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nsigning_secret_env = 'S'",
     "o:5: observers.actions.signing_secret_env: not supported yet"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nheaders = { 'Webhook-Id' = 'x' }",
     "o:5: observers.actions.headers.Webhook-Id: this header is set by the executor"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nheaders = { 'a b' = 'x' }",
     "o:5: observers.actions.headers.a b: is not the name of an HTTP header"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nheaders = { a = \"x\\r\\ny\" }",
     "o:5: observers.actions.headers.a: the value must not contain control characters, nor have more than 8192 bytes"},
    {"[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\nheaders = { a = 1 }",
     "o:5: observers.actions.headers: expected a table of strings, got an integer in it"},
    {log_action + "[observers.retry]\nmax_attempts = 0",
     "o:5: observers.retry.max_attempts: retry.max_attempts must be between 1 and 1000"},
    {log_action + "[observers.retry]\nbackoff_strategy = 'random'",
     "o:5: observers.retry.backoff_strategy: must be one of exponential, linear, fixed; got random"},
    {log_action + "[observers.retry]\nmax_delay_ms = 99",
     "o:4: observers.retry.max_delay_ms: retry.max_delay_ms must not be below retry.initial_delay_ms"},
    {log_action + "[observers.retry]\nmax_tries = 1",
     "o:5: observers.retry.max_tries: unknown key; the nearest known one is observers.retry.max_attempts"},
    {"name = 'a'\n" + log_action + "[[observers]]\nname = 'a'\n" + log_action,
     "o:5: observers.name: another observer has this name: a"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(config_observers)

BOOST_DATA_TEST_CASE(a_wrong_observer_gets_one_line_with_its_place, data::make(cases), c) {
  BOOST_TEST(mistakes("[[observers]]\n" + c.text, hook) == c.message);
}

BOOST_AUTO_TEST_CASE(an_observer_is_read_as_it_is_written) {
  const auto observers = settings(R"([[observers]]
name = "notify-shipping"
entity = "Order"
event_type = "UPDATE"
on_failure = "alert"
enabled = false
[[observers.actions]]
type = "webhook"
url_env = "SHIPPING_HOOK"
method = "PUT"
headers = { Zulu = "1", Authorization = "Bearer ${API_TOKEN}" }
timeout_secs = 5
[[observers.actions]]
type = "log"
level = "warn"
[observers.retry]
max_attempts = 5
backoff_strategy = "linear"
initial_delay_ms = 200
max_delay_ms = 1000
)",
                                  hook)
                             .observers();
  BOOST_REQUIRE(observers.size() == 1u);
  const ObserverConfig& o = observers[0];
  BOOST_TEST(o.name == "notify-shipping");
  BOOST_TEST(o.entity == "Order");
  BOOST_TEST(o.event_type == "UPDATE");
  BOOST_CHECK(o.on_failure == ObserverConfig::OnFailure::alert);
  BOOST_TEST(!o.enabled);
  BOOST_REQUIRE(o.actions.size() == 2u);
  BOOST_TEST(o.actions[0].type == "webhook");
  BOOST_TEST(o.actions[0].url.text == "https://hooks.example.org/x");
  BOOST_TEST(o.actions[0].method == "PUT");
  BOOST_REQUIRE(o.actions[0].headers.size() == 2u);
  BOOST_TEST(o.actions[0].headers[0].first == "Zulu");
  BOOST_TEST(o.actions[0].headers[0].second.text == "1");
  BOOST_TEST(o.actions[0].headers[1].first == "Authorization");
  BOOST_TEST(o.actions[0].headers[1].second.text == "Bearer t\"1");
  BOOST_CHECK(o.actions[0].timeout == 5s);
  BOOST_TEST(o.actions[1].type == "log");
  BOOST_TEST(o.actions[1].level == "warn");
  BOOST_TEST(o.retry.max_attempts == 5);
  BOOST_CHECK(o.retry.backoff == RetryPolicy::Backoff::linear);
  BOOST_CHECK(o.retry.initial_delay == 200ms);
  BOOST_CHECK(o.retry.max_delay == 1s);
}

BOOST_AUTO_TEST_CASE(what_an_observer_leaves_out_has_defaults) {
  const auto observers =
      settings("[[observers]]\n" + log_action + "[[observers]]\n[[observers.actions]]\ntype = 'webhook'\nurl = 'http://a'\n")
          .observers();
  BOOST_REQUIRE(observers.size() == 2u);
  BOOST_TEST(observers[0].name == "observer-1");
  BOOST_TEST(observers[1].name == "observer-2");
  BOOST_TEST(observers[0].entity == "*");
  BOOST_TEST(observers[0].event_type == "*");
  BOOST_CHECK(observers[0].on_failure == ObserverConfig::OnFailure::dlq);
  BOOST_TEST(observers[0].enabled);
  BOOST_TEST(observers[0].actions[0].level == "info");
  BOOST_TEST(observers[1].actions[0].method == "POST");
  BOOST_CHECK(observers[1].actions[0].timeout == 30s);
  BOOST_TEST(observers[1].retry.max_attempts == 3);
  BOOST_CHECK(observers[1].retry.max_delay == 30s);
}

BOOST_AUTO_TEST_CASE(the_table_form_is_told_apart) {
  BOOST_TEST(mistakes("[observers]\nbackend = 'nats'") ==
             "o:1: observers: write [[observers]] for an observer; [observers] belongs in a");
  BOOST_TEST(mistakes("observers = ['x']") == "o:1: observers: expected a table, got a string");
}

BOOST_AUTO_TEST_SUITE_END()
