#define BOOST_TEST_MODULE executor_templates
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "tests/support/executor_fixture.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

const std::string known_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

Child start_with(ExecutorFixture& fixture, const std::map<std::string, std::string>& environment) {
  Child::Options options;
  options.environment = environment;
  return Child(fixture.command(), options);
}

/// Runs the receiver's code of the users' page on a request; "True True" when both of its checks pass.
std::string verdict(const TempDir& directory, const WebhookReceiver::Request& request, const std::vector<std::string>& secrets,
                    const std::string& body) {
  const std::string page = read_file(std::string(SOURCE_DIR) + "/docs/templates.md");
  const auto begin = page.find("```python\n") + 10;
  std::string code = page.substr(begin, page.find("```", begin) - begin) + "\nimport sys\nheaders = {}\n";
  for (const char* name : {"webhook-id", "webhook-timestamp", "webhook-signature", "x-fraiseql-signature-256"})
    code += "headers['" + std::string(name) + "'] = '''" + request.headers.at(name) + "'''\n";
  code += "secrets = [";
  for (const auto& secret : secrets) code += "'" + secret + "',";
  code +=
      "]\nbody = open(sys.argv[1], 'rb').read()\nprint(is_genuine(secrets, headers, body), is_genuine_fraiseql(secrets[0], "
      "headers, body))\n";
  const auto done =
      run({"/usr/bin/python3", directory.file(unique("check") + ".py", code), directory.file(unique("body"), body)});
  BOOST_TEST(done.status == 0, done.err);
  return done.out.substr(0, done.out.find('\n'));
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_receiver_gets_what_the_templates_say, ExecutorFixture) {
  config.observers = webhook("ship", receiver.url("/orders/{{ data.id }}%2F{{ u }}?by={{ customer.email }}"), "Order",
                             "method = \"PUT\"\nheaders = { X-Note = \"<{{ note }}>\", X-None = \"{{ nope }}\" }\n"
                             "body_template = '''{\"id\": \"{{ id }}\", \"total\": {{ total }}, \"note\": \"{{ note }}\", "
                             "\"all\": {{ _json }}}'''");
  const std::string data =
      R"({"id":42,"u":"ü","total":100.00,"note":"a\r\nEvil: 1\" {{ id }}","customer":{"email":"ann@example.org/../x?y#z"}})";
  const std::string id = publish({.entity_id = "7", .data = data});
  publish({.data = data});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  const auto requests = receiver.requests();
  BOOST_REQUIRE(requests.size() == 2u);
  const auto& request = requests[requests[0].headers.at("webhook-id") == id ? 0 : 1];
  BOOST_TEST(request.method == "PUT");
  BOOST_TEST(request.path == "/orders/42%2F%C3%BC");
  BOOST_TEST(request.query == "by=ann%40example.org%2F..%2Fx%3Fy%23z");
  BOOST_TEST(request.headers.at("x-note") == "<a%0D%0AEvil: 1\" {{ id }}>");
  BOOST_TEST(request.headers.at("x-none") == "");
  BOOST_TEST(request.headers.count("evil") == 0u);
  BOOST_TEST(request.headers.at("content-type") == "application/json");
  BOOST_TEST(request.body == "{\"id\": \"" + id + R"(", "total": 100.00, "note": "a\r\nEvil: 1\" {{ id }}", "all": )" +
                                 R"({"event":"INSERT","entity":"Order","subject":")" + prefix +
                                 R"(.Order.INSERT","timestamp":"2024-01-15T10:30:00Z","data":)" + data + "}}");
  // Once for both events.
  BOOST_REQUIRE(eventually([&] { return executor.err().find("name=\"nope\"") != std::string::npos; }));
  const std::string said = executor.err();
  BOOST_TEST(said.find("name=\"nope\"") == said.rfind("name=\"nope\""));
}

BOOST_FIXTURE_TEST_CASE(a_receiver_can_check_both_signatures_before_during_and_after_a_rotation, ExecutorFixture) {
  config.observers = webhook("plain", receiver.url("/plain"), "Order", "signing_secret_env = \"HOOK_OLD\"") +
                     webhook("both", receiver.url("/both"), "Order",
                             "signing_secret_env = [\"HOOK_NEW\", \"HOOK_OLD\"]\n"
                             "headers = { Content-Type = \"text/plain\" }\nbody_template = \"ü {{ data }} \\\"\\n\"") +
                     webhook("new", receiver.url("/new"), "Order", "signing_secret_env = \"HOOK_NEW\"") +
                     webhook("unsigned", receiver.url("/unsigned"));
  const std::string id = publish({.data = R"({"a":"\u00fc \"quoted\" 'single'"})"});
  Child executor = start_with(*this, {{"HOOK_OLD", "old $ecret"}, {"HOOK_NEW", known_secret}});
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_REQUIRE(receiver.requests().size() == 4u);
  TempDir directory;
  const auto check = [&](const std::string& path, const std::vector<std::string>& secrets) {
    const auto request = receiver.requests(path).at(0);
    return verdict(directory, request, secrets, request.body);
  };
  BOOST_TEST(check("/plain", {"old $ecret"}) == "True True");
  BOOST_TEST(check("/plain", {known_secret}) == "False False");
  BOOST_TEST(check("/both", {known_secret}) == "True True");
  BOOST_TEST(check("/both", {"old $ecret"}) == "True False");
  BOOST_TEST(check("/both", {"wrong"}) == "False False");
  BOOST_TEST(check("/new", {known_secret, "old $ecret"}) == "True True");
  BOOST_TEST(check("/new", {"old $ecret"}) == "False False");
  auto request = receiver.requests("/both").at(0);
  BOOST_TEST(request.headers.at("content-type") == "text/plain");
  BOOST_TEST(request.body == "ü {\"a\":\"\\u00fc \\\"quoted\\\" 'single'\"} \"\n");
  BOOST_TEST(verdict(directory, request, {known_secret}, request.body + " ") == "False False");
  request.headers["webhook-id"] += "x";
  BOOST_TEST(verdict(directory, request, {known_secret}, request.body) == "False True");
  BOOST_TEST(receiver.requests("/unsigned").at(0).headers.count("webhook-signature") == 0u);
  BOOST_TEST(executor.err().find("ecret") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(slack_and_log_say_their_message, ExecutorFixture) {
  config.observers =
      "[[observers]]\nname = \"tell\"\nentity = \"Order\"\n[[observers.actions]]\ntype = \"slack\"\nwebhook_url_env = \"HOOK\"\n"
      "channel = \"#ops\"\nmessage_template = \"{{ customer }} paid {{ total }}\"\n[observers.retry]\ninitial_delay_ms = 20\n"
      "[[observers]]\nname = \"note\"\nentity = \"Order\"\n[[observers.actions]]\ntype = \"log\"\nlevel = \"warn\"\n"
      "message_template = \"paid: {{ total }}\"\n";
  receiver.answer("/T0KEN", {{503}, {200}});
  publish({.data = R"({"customer":"<!channel> \"Ann\"","total":100.00})"});
  Child executor = start_with(*this, {{"HOOK", receiver.url("/T0KEN")}});
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  const auto requests = receiver.requests("/T0KEN");
  BOOST_REQUIRE(requests.size() == 2u);
  BOOST_TEST(requests[1].body == R"({"text":"&lt;!channel&gt; \"Ann\" paid 100.00","channel":"#ops"})");
  BOOST_TEST(requests[1].headers.at("content-type") == "application/json");
  BOOST_TEST(requests[0].headers.at("webhook-id") == requests[1].headers.at("webhook-id"));
  BOOST_TEST(eventually([&] { return executor.err().find("paid: 100.00") != std::string::npos; }));
  BOOST_TEST(executor.err().find("T0KEN") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_rendered_is_a_dead_letter_without_another_try, ExecutorFixture) {
  config.observers = webhook("climbs", receiver.url("/orders/{{ a }}"), "Climbs") +
                     webhook("long", receiver.url("/"), "Long", "headers = { X-Long = \"{{ a }}\" }");
  publish({.entity = "Climbs", .data = R"({"a":".."})"});
  publish({.entity = "Long", .data = "{\"a\":\"" + std::string(9000, 'x') + "\"}"});
  publish({.entity = "Climbs", .data = R"({"a":"fine"})"});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(3); }));
  BOOST_REQUIRE(receiver.requests().size() == 1u);
  BOOST_TEST(receiver.requests()[0].path == "/orders/fine");
  const auto all = letters();
  BOOST_REQUIRE(all.size() == 2u);
  for (const auto& letter : all) {
    BOOST_TEST(letter.header("Fraiseql-Dlq-Attempts") == "1");
    const bool climbs = letter.header("Fraiseql-Dlq-Observer") == "climbs";
    BOOST_TEST(letter.header("Fraiseql-Dlq-Error").find(climbs ? "leads out" : "longer than 8192") != std::string_view::npos);
  }
}

BOOST_FIXTURE_TEST_CASE(mistakes_in_templates_refuse_the_start_all_at_once_and_show_where, ExecutorFixture) {
  config.observers = webhook("one", receiver.url("/"), "A", "body_template = '{\"a\": \"{{ customer. }}\"}'") +
                     webhook("two", "https://h/../{{ a }}", "B") +
                     webhook("three", receiver.url("/"), "C", "body_template = '{\"a\": {{ a }} \"b\"}'");
  auto executor = start();
  BOOST_TEST(executor.wait() == 78);
  const std::string said = executor.err();
  const std::string shown =
      ": observers.actions.body_template: a name is missing after the point\n{\"a\": \"{{ customer. }}\"}\n" +
      std::string(19, ' ') + "^\n";
  BOOST_TEST(said.find(shown) != said.npos, said);
  BOOST_TEST(said.find("observers.actions.body_template: not JSON: Missing a comma") != said.npos, said);
  BOOST_TEST(said.find("observers.actions.url: ") != said.npos, said);
}

BOOST_FIXTURE_TEST_CASE(no_spelling_of_an_address_reaches_what_is_not_allowed, ExecutorFixture) {
  config.allow_networks = "[]";
  const std::string port = ":" + std::to_string(receiver.port()) + "/";
  const std::vector<std::string> urls = {
      "http://0" + port,
      "http://127.000.000.001" + port,
      "http://0x7f.1" + port,
      "http://0x7f.0x0.0x0.0x1" + port,
      "http://017700000001" + port,
      "http://127.0.1" + port,
      "http://LOCALHOST" + port,
      "http://a.localhost" + port,
      "http://[0:0:0:0:0:ffff:127.0.0.1]" + port,
      "http://[::127.0.0.1]" + port,
      "http://[64:ff9b::7f00:1]" + port,
      "http://[64:ff9b:1::7f00:1]" + port,
      "http://[2002:7f00:1::]" + port,
      "http://[fe80::1]" + port,
      "http://[fd00:ec2::254]" + port,
      "http://[ff02::1]" + port,
      "http://user:pass@127.0.0.1" + port,
      "http://example.org@127.0.0.1" + port,
      "http://example.org%2F@127.0.0.1" + port,
      "http://2852039166/latest/meta-data",
      "http://0xa9fea9fe/",
      "http://169.254.43518/",
      "http://[::ffff:a9fe:a9fe]/",
      "http://100.100.100.200/",
      "http://10.0.0.1/",
      "http://172.16.0.1/",
      "http://192.168.1.1/",
      "http://100.64.0.1/",
      "http://192.0.2.1/",
      "http://224.0.0.1/",
      "http://255.255.255.255/",
  };
  int number = 0;
  for (const auto& url : urls) {
    const std::string entity = "E" + std::to_string(number++);
    config.observers += webhook(url.substr(7), url, entity, "timeout_secs = 2", "max_attempts = 1");
    publish({.entity = entity});
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(urls.size()); }));
  BOOST_TEST(receiver.requests().empty());
  const auto all = letters();
  BOOST_TEST(all.size() == urls.size());
  for (const auto& letter : all) {
    const std::string name(letter.header("Fraiseql-Dlq-Observer")), error(letter.header("Fraiseql-Dlq-Error"));
    BOOST_TEST(error.find("is refused (") != error.npos, name << ": " << error);
    BOOST_TEST(error.find("allow_networks = [\"") != error.npos, name << ": " << error);
  }
}

BOOST_FIXTURE_TEST_CASE(an_address_with_a_zone_refuses_the_start, ExecutorFixture) {
  config.observers = webhook("zone", "http://[fe80::1%25lo]:" + std::to_string(receiver.port()) + "/");
  auto executor = start();
  BOOST_TEST(executor.wait() == 78);
  BOOST_TEST(receiver.requests().empty());
}

BOOST_FIXTURE_TEST_CASE(of_a_name_with_several_addresses_only_allowed_ones_are_connected_to, ExecutorFixture) {
  // libcurl itself takes localhost for both ::1 and 127.0.0.1; the receiver listens on the latter.
  const std::string url = "http://localhost:" + std::to_string(receiver.port());
  config.allow_networks = "[\"::1/128\"]";
  config.observers = webhook("other", url + "/other", "*", "timeout_secs = 5", "max_attempts = 1");
  publish();
  {
    Child executor = start();
    BOOST_REQUIRE(eventually([&] { return settled(1); }));
    BOOST_TEST(letters().size() == 1u);
    BOOST_TEST(receiver.requests().empty());
    executor.signal(SIGTERM);  // what a killed one had asked for may get the next message, until ack_wait is over
    BOOST_TEST(executor.wait() == 0);
  }
  config.allow_networks = "[\"127.0.0.1/32\"]";
  config.observers = webhook("one", url + "/one");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(receiver.requests("/one").size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_redirect_to_another_host_is_not_followed, ExecutorFixture) {
  WebhookReceiver other;
  receiver.answer("/", {{307, "", {{"Location", other.url("/stolen")}}}});
  config.observers = webhook("moved", receiver.url("/"));
  publish();
  Child executor =
      start_with(*this, {{"https_proxy", other.url("/")}, {"HTTP_PROXY", other.url("/")}, {"http_proxy", other.url("/")}});
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(receiver.requests().size() == 1u);
  BOOST_TEST(other.requests().empty());
  BOOST_REQUIRE(letters().size() == 1u);
  BOOST_TEST(letters()[0].header("Fraiseql-Dlq-Http-Status") == "307");
}
