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

const Environment environment = {{"HOOK", "https://hooks.example.org/{{ id }}"},
                                 {"BAD_HOOK", "hooks.example.org"},
                                 {"NEW", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
                                 {"OLD", "plain"},
                                 {"EMPTY", ""},
                                 {"NO_BASE64", "whsec_a b"},
                                 {"TWO_LINES", "a\nb"},
                                 {"DATABASE_URL", "postgresql://localhost/app"}};

const std::string services = "[email]\nhost = 'localhost'\nfrom = 'a@b'\n[redis]\nurl = 'redis://h'\n";

/// An action's keys below its type, and what is said against them. The type stands on line 8, the keys begin on line 9.
struct Case {
  std::string type, keys, message;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.type << ": " << c.keys; }
};

std::string file_of(const std::string& type, const std::string& keys) {
  return services + "[[observers]]\n[[observers.actions]]\ntype = '" + type + "'\n" + keys;
}

ActionConfig action_of(const std::string& type, const std::string& keys) {
  return settings(file_of(type, keys), environment).observers().at(0).actions.at(0);
}

std::string at(int line, const std::string& key, const std::string& message) {
  return "o:" + std::to_string(line) + ": observers.actions." + key + ": " + message;
}

const std::string webhook = "url = 'http://a'\n";
const std::string mail = "to = 'a@b.org'\nsubject = 's'\nbody_template = 'b'\n";
const std::string slack = "webhook_url = 'http://a'\nmessage_template = 'm'\n";
const std::string no_address = "must be a mail address such as name@example.org";
const std::string no_function = "must be the name of a function, such as notify or app.notify";
const std::string no_control = "must not contain control characters";

const std::vector<Case> cases = {
    {"sms", "to = 'x'\nanything = 1", at(8, "type", "Unsupported action type: sms")},
    {"push", "", at(8, "type", "Unsupported action type: push")},
    {"search", "", at(8, "type", "Unsupported action type: search")},
    {"", "", at(8, "type", "Unsupported action type: ")},

    {"webhook", "url = 'http://{{ host }}/x'", at(9, "url", "a template may stand in the path and query only")},
    {"webhook", "url = 'http://a:{{ port }}/'", at(9, "url", "a template may stand in the path and query only")},
    {"webhook", "url = '{{ url }}'", at(9, "url", "must begin with http:// or https://")},
    {"webhook", "url = 'http://a/{{ a b }} c'",
     at(9, "url", "must be printable ASCII without spaces: encode other characters as %XX")},
    {"webhook", "url = ''", at(9, "url", "actions.url cannot be empty")},
    {"webhook", "url = 7", at(9, "url", "expected a string, got an integer")},
    {"webhook", "url_env = 'https://a/secret'", at(9, "url_env", "must be the name of a variable")},
    {"webhook", "url_env = 'EMPTY'", at(9, "url_env", "the URL in EMPTY is empty")},
    {"webhook", "url_env = 'BAD_HOOK'", at(9, "url_env", "the URL in BAD_HOOK must begin with http:// or https://")},
    {"webhook", webhook + "body_template = ''", at(10, "body_template", "actions.body_template cannot be empty")},
    {"webhook", webhook + "body_template = \"\\u0000\"", at(10, "body_template", "must not contain a NUL byte")},
    {"webhook", webhook + "body_template = \"\\u001b[0m\"",
     at(10, "body_template", no_control + " other than tabs and line breaks")},
    {"webhook", webhook + "body_template = '${total}'",
     at(10, "body_template", "unset variable total; in a template write {{ total }}")},
    {"webhook", webhook + "body_template = {}", at(10, "body_template", "expected a string, got a table")},
    {"webhook", webhook + "signing_secret_env = ''", at(10, "signing_secret_env", "actions.signing_secret_env cannot be empty")},
    {"webhook", webhook + "signing_secret_env = []", at(10, "signing_secret_env", "actions.signing_secret_env cannot be empty")},
    {"webhook", webhook + "signing_secret_env = 1",
     at(10, "signing_secret_env", "expected a string or an array of strings, got an integer")},
    {"webhook", webhook + "signing_secret_env = ['NEW', 1]",
     at(10, "signing_secret_env", "expected a string or an array of strings, got an integer in it")},
    {"webhook", webhook + "signing_secret_env = ['NEW', '']",
     at(10, "signing_secret_env", "element 2: actions.signing_secret_env cannot be empty")},
    {"webhook", webhook + "signing_secret_env = 'UNSET'", at(10, "signing_secret_env", "unset variable UNSET")},
    {"webhook", webhook + "signing_secret_env = ['NEW', 'EMPTY']", at(10, "signing_secret_env", "the secret in EMPTY is empty")},
    {"webhook", webhook + "signing_secret_env = 'NO_BASE64'",
     at(10, "signing_secret_env", "the secret in NO_BASE64 is not base64 after whsec_")},
    {"webhook", webhook + "signing_secret_env = 'TWO_LINES'",
     at(10, "signing_secret_env", "the secret in TWO_LINES " + no_control)},
    {"webhook", webhook + "signing_secret_env = 'whsec_secret'",
     at(10, "signing_secret_env", "must be the name of a variable, not the secret itself")},
    {"webhook", webhook + "headers = { Fraiseql-Pk = '1' }", at(10, "headers.Fraiseql-Pk", "this header is set by the executor")},
    {"webhook", webhook + "channel = '#x'", at(10, "channel", "has no meaning for type webhook")},
    {"webhook", webhook + "subject_template = 1", at(10, "subject_template", "has no meaning for type webhook")},
    {"webhook", webhook + "body_tempalte = 'x'",
     at(10, "body_tempalte", "unknown key; the nearest known one is observers.actions.body_template")},

    {"slack", "message_template = 'm'", at(7, "webhook_url", "a slack action needs webhook_url or webhook_url_env")},
    {"slack", "message_template = 'm'\nwebhook_url = 'http://a'\nwebhook_url_env = 'HOOK'",
     at(11, "webhook_url_env", "webhook_url and webhook_url_env are both set")},
    {"slack", "message_template = 'm'\nwebhook_url_env = 'UNSET'", at(10, "webhook_url_env", "unset variable UNSET")},
    {"slack", "webhook_url = 'http://a'", at(7, "message_template", "a slack action needs message_template")},
    {"slack", "webhook_url = 'ftp://a'\nmessage_template = 'm'", at(9, "webhook_url", "must begin with http:// or https://")},
    {"slack", slack + "channel = ''", at(11, "channel", "actions.channel cannot be empty")},
    {"slack", slack + "channel = \"a\\n\"", at(11, "channel", no_control)},
    {"slack", slack + "timeout_secs = 3601", at(11, "timeout_secs", "actions.timeout_secs must be between 1 and 3600")},
    {"slack", slack + "url = 'http://a'", at(11, "url", "has no meaning for type slack")},
    {"slack", slack + "chanel = 'a'", at(11, "chanel", "unknown key; the nearest known one is observers.actions.channel")},

    {"email", "",
     at(7, "to", "an email needs to or to_template") + "\n" + at(7, "subject", "an email needs subject or subject_template") +
         "\n" + at(7, "body_template", "an email needs body_template")},
    {"email", mail + "to_template = 'x'", at(12, "to_template", "to and to_template are both set")},
    {"email", mail + "subject_template = 'x'", at(12, "subject_template", "subject and subject_template are both set")},
    {"email", mail + "reply_to = 'x'", at(12, "reply_to", no_address)},
    {"email", mail + "reply_to = \"a@b\\r\\nBcc: c@d\"", at(12, "reply_to", no_address)},
    {"email", mail + "reply_to = 'a@b, {{ mail }}'", at(12, "reply_to", "element 2: " + no_address)},
    {"email", mail + "reply_to = 'Ann <a@b'", at(12, "reply_to", no_address)},
    {"email", mail + "reply_to = '\"a, b@c'", at(12, "reply_to", no_address)},
    {"email", mail + "method = 'GET'", at(12, "method", "has no meaning for type email")},
    {"email", "to = ''\nsubject = 's'\nbody_template = 'b'", at(9, "to", "actions.to cannot be empty")},
    {"email", "to = 'a@b.org, b'\nsubject = 's'\nbody_template = 'b'", at(9, "to", "element 2: " + no_address)},
    {"email", "to = '{{ mail }}'\nsubject = 's'\nbody_template = 'b'", at(9, "to", "holds a template: write it as to_template")},
    {"email", "to = 'a@b'\nsubject = 'for {{ id }}'\nbody_template = 'b'",
     at(10, "subject", "holds a template: write it as subject_template")},
    {"email", "to = 'a@b'\nsubject = \"a\\nb\"\nbody_template = 'b'", at(10, "subject", no_control)},
    {"email", "to = 'a@b'\nsubject = '" + std::string(999, 's') + "'\nbody_template = 'b'",
     at(10, "subject", "must have at most 998 bytes")},

    {"database", "", at(7, "function_name", "a database action needs function_name")},
    {"database", "function_name = ''", at(9, "function_name", "actions.function_name cannot be empty")},
    {"database", "function_name = 'f()'", at(9, "function_name", no_function)},
    {"database", "function_name = 'f; drop table t'", at(9, "function_name", no_function)},
    {"database", "function_name = 'a.b.c'", at(9, "function_name", no_function)},
    {"database", "function_name = '1f'", at(9, "function_name", no_function)},
    {"database", "function_name = 'a.'", at(9, "function_name", no_function)},
    {"database", "function_name = '\"\"'", at(9, "function_name", no_function)},
    {"database", "function_name = '\"a'", at(9, "function_name", no_function)},
    {"database", "function_name = '\"a\"b'", at(9, "function_name", no_function)},
    {"database", "function_name = '" + std::string(64, 'f') + "'", at(9, "function_name", "a name has at most 63 bytes")},
    {"database", "function_name = \"\\\"a\\nb\\\"\"", at(9, "function_name", no_control)},
    {"database", "function_name = 'f'\nparams = 'x'", at(10, "params", "expected a table, got a string")},
    {"database", "function_name = 'f'\nparams = [1]", at(10, "params", "expected a table, got an array")},
    {"database", "function_name = 'f'\nparams = { a = [nan] }", at(10, "params", "JSON has neither nan nor inf")},
    {"database", "function_name = 'f'\nparams = { a = \"\\u0000\" }", at(10, "params", "must not contain a NUL byte")},
    {"database", "function_name = 'f'\nparams = { a = ['${UNSET}'] }",
     at(10, "params", "unset variable UNSET; in a template write {{ UNSET }}")},
    {"database", "function_name = 'f'\nparam = {}",
     at(10, "param", "unknown table; the nearest known one is observers.actions.params")},

    {"nats", "", at(7, "subject_template", "a nats action needs subject_template")},
    {"nats", "subject_template = ''", at(9, "subject_template", "actions.subject_template cannot be empty")},
    {"nats", "subject_template = 'a.*'", at(9, "subject_template", "must not contain a wildcard (* or >)")},
    {"nats", "subject_template = 'a..{{ id }}'", at(9, "subject_template", "must not have an empty part between its dots")},
    {"nats", "subject_template = 'a {{ id }}'", at(9, "subject_template", "must be printable ASCII without spaces")},
    {"nats", "subject_template = '$JS.API.{{ id }}'",
     at(9, "subject_template", "must not begin with $, which is the server's own")},
    {"nats", "subject_template = 'a'\nsubject = 'b'", at(10, "subject", "has no meaning for type nats")},
    {"nats", "subject_template = 'a'\ntimeout_secs = 3", at(10, "timeout_secs", "has no meaning for type nats")},

    {"cache", "", at(7, "key_pattern", "a cache action needs key_pattern")},
    {"cache", "key_pattern = ''", at(9, "key_pattern", "actions.key_pattern cannot be empty")},
    {"cache", "key_pattern = \"a\\u0001\"", at(9, "key_pattern", no_control)},
    {"cache", "key_pattern = 'a'\naction = 'refresh'", at(10, "action", "must be one of invalidate; got refresh")},
    {"cache", "key_pattern = 'a'\nkey_patern = 'b'",
     at(10, "key_patern", "unknown key; the nearest known one is observers.actions.key_pattern")},

    {"log", "message_template = ''", at(9, "message_template", "actions.message_template cannot be empty")},
    {"log", "level = ''", at(9, "level", "must be one of debug, info, warn, error; got an empty text")},
    {"log", "body_template = 'b'", at(9, "body_template", "has no meaning for type log")},
    {"log", "action = 'invalidate'", at(9, "action", "has no meaning for type log")},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(config_actions)

BOOST_DATA_TEST_CASE(a_wrong_action_gets_one_line_for_each_mistake, data::make(cases), c) {
  BOOST_TEST(mistakes(file_of(c.type, c.keys), environment) == c.message);
}

BOOST_AUTO_TEST_CASE(a_long_template_is_refused) {
  std::string lines;
  for (int i = 0; i < 70; ++i) lines += std::string(1000, 'x') + "\n";
  BOOST_TEST(mistakes(file_of("log", "message_template = '''" + lines + "'''"), environment) ==
             at(9, "message_template", "must have at most 65536 bytes"));
}

BOOST_AUTO_TEST_CASE(a_webhook_is_read_as_it_is_written) {
  const ActionConfig a =
      action_of("webhook",
                "url_env = 'HOOK'\nbody_template = \"\"\"\n{\"id\": \"{{ id }}\",\n\t\"t\": {{ total }}}\"\"\"\n"
                "signing_secret_env = ['NEW', 'OLD']\n[observers.actions.headers]\nA = '{{ id }}'\nB = 'b'\n");
  BOOST_TEST(a.url.text == "https://hooks.example.org/{{ id }}");
  BOOST_TEST(a.url.origin == "o:9");
  BOOST_TEST(a.url_secret);
  BOOST_TEST(a.body_template.text == "{\"id\": \"{{ id }}\",\n\t\"t\": {{ total }}}");
  BOOST_TEST(a.body_template.origin == "o:10");
  BOOST_TEST(a.signing_secrets == (std::vector<std::string>{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain"}));
  BOOST_REQUIRE(a.headers.size() == 2u);
  BOOST_TEST(a.headers[0].first == "A");
  BOOST_TEST(a.headers[0].second.text == "{{ id }}");
  BOOST_TEST(a.headers[0].second.origin == "o:15");
  BOOST_TEST(a.headers[1].second.origin == "o:16");
  const ActionConfig single = action_of("webhook", webhook + "signing_secret_env = 'OLD'");
  BOOST_TEST(single.signing_secrets == std::vector<std::string>{"plain"});
  BOOST_TEST(!single.url_secret);
  BOOST_TEST(!single.body_template.set());
}

BOOST_AUTO_TEST_CASE(templates_pass_in_the_path_and_the_query_of_a_url) {
  for (const char* url : {"https://a.org/{{ id }}", "http://a/x/{{ data.customer.email }}/y?q={{status}}&r={{ items[0] }}",
                          "http://a?{{ id }}", "http://u:p@a:8080/{{ id }}#{{ x }}", "http://a/{{ unfinished name"})
    BOOST_TEST(action_of("webhook", "url = '" + std::string(url) + "'").url.text == url);
}

BOOST_AUTO_TEST_CASE(the_other_types_are_read_as_they_are_written) {
  const ActionConfig s =
      action_of("slack", "webhook_url_env = 'HOOK'\nchannel = '#x'\nmessage_template = 'm {{ id }}'\ntimeout_secs = 5");
  BOOST_TEST(s.type == "slack");
  BOOST_TEST(s.origin == "o:7");
  BOOST_TEST(s.url.text == "https://hooks.example.org/{{ id }}");
  BOOST_TEST(s.url_secret);
  BOOST_TEST(s.channel == "#x");
  BOOST_TEST(s.message_template.text == "m {{ id }}");
  BOOST_TEST(s.message_template.origin == "o:11");
  BOOST_CHECK(s.timeout == 5s);

  const ActionConfig e = action_of("email",
                                   "to_template = '{{ mail }}'\nsubject = 'Gr\xC3\xBC\xC3\x9F"
                                   "e'\nbody_template = 'b'\nreply_to = 'r@b.org'");
  BOOST_TEST(e.to.text == "{{ mail }}");
  BOOST_TEST(e.subject.text ==
             "Gr\xC3\xBC\xC3\x9F"
             "e");
  BOOST_TEST(e.subject.origin == "o:10");
  BOOST_TEST(e.body_template.text == "b");
  BOOST_TEST(e.reply_to == "r@b.org");
  BOOST_CHECK(e.timeout == 30s);
  BOOST_TEST(
      action_of("email", "to = 'a@b.org, \"Doe, J\" <c+d@e.org>'\nsubject_template = '{{ id }}'\nbody_template = 'b'").to.text ==
      "a@b.org, \"Doe, J\" <c+d@e.org>");

  const ActionConfig d = action_of("database", "function_name = 'app.\"On \"\"Order\"'");
  BOOST_TEST(d.function_name == "app.\"On \"\"Order\"");
  BOOST_TEST(d.params == "{}");

  const ActionConfig n =
      action_of("nats", "subject_template = 'shop.{{ entity }}.{{ a }}{{ b }}'\nbody_template = '{{ _json }}'");
  BOOST_TEST(n.subject.text == "shop.{{ entity }}.{{ a }}{{ b }}");
  BOOST_TEST(n.body_template.text == "{{ _json }}");

  const ActionConfig c = action_of("cache", "key_pattern = 'user:{{ id }}'\naction = 'invalidate'");
  BOOST_TEST(c.key_pattern.text == "user:{{ id }}");
  BOOST_TEST(c.key_pattern.origin == "o:9");

  const ActionConfig l = action_of("log", "message_template = '{{ id }}'");
  BOOST_TEST(l.message_template.text == "{{ id }}");
  BOOST_TEST(l.level == "info");
}

BOOST_AUTO_TEST_CASE(names_of_functions_are_those_of_postgresql) {
  for (const char* name : {"f", "_f$1", "a.b", "\"A b\".\"c.d\"", "\"\"\"\"",
                           "Stra\xC3\x9F"
                           "e",
                           "a.\"B\""})
    BOOST_TEST(action_of("database", "function_name = '" + std::string(name) + "'").function_name == name);
}

BOOST_AUTO_TEST_CASE(params_become_a_json_object) {
  const ActionConfig a = action_of("database", R"(function_name = 'f'
[observers.actions.params]
text = "a\"b\\\u00e4\n${OLD}"
template = "{{ id }}"
number = 9223372036854775807
small = -0.1
large = 1e300
whole = 5.0
yes = true
day = 1979-05-27
time = 07:32:00
moment = 1979-05-27T07:32:00.5Z
list = [1, [2, "x"], { a = 1 }]
empty = []
[observers.actions.params.nested.deeper]
x = 1
)");
  BOOST_TEST(a.params ==
             "{\"text\":\"a\\\"b\\\\\xC3\xA4\\nplain\",\"template\":\"{{ id }}\",\"number\":9223372036854775807,\"small\":-0.1,"
             "\"large\":1e+300,\"whole\":5,\"yes\":true,\"day\":\"1979-05-27\",\"time\":\"07:32:00\","
             "\"moment\":\"1979-05-27T07:32:00.5Z\",\"list\":[1,[2,\"x\"],{\"a\":1}],\"empty\":[],"
             "\"nested\":{\"deeper\":{\"x\":1}}}");
}

BOOST_AUTO_TEST_CASE(variables_of_actions_need_not_be_set_where_no_executor_runs) {
  const std::string file = file_of("webhook", "url_env = 'UNSET'\nsigning_secret_env = 'UNSET_TOO'");
  BOOST_CHECK_NO_THROW(settings(file, {}, "", for_healthd));
  BOOST_TEST(complaint([&] { settings(file, {}, "", for_executor); }) ==
             at(9, "url_env", "unset variable UNSET") + "\n" + at(10, "signing_secret_env", "unset variable UNSET_TOO"));
}

BOOST_AUTO_TEST_CASE(a_condition_keeps_its_place) {
  const auto observers =
      settings(
          "[[observers]]\ncondition = '''\nstatus == 'a'\n\t&& total > 1'''\n[[observers.actions]]\ntype='log'\n"
          "[[observers]]\n[[observers.actions]]\ntype='log'\n")
          .observers();
  BOOST_TEST(observers[0].condition.text == "status == 'a'\n\t&& total > 1");
  BOOST_TEST(observers[0].condition.origin == "o:2");
  BOOST_TEST(!observers[1].condition.set());
}

BOOST_AUTO_TEST_SUITE_END()
