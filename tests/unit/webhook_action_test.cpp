#include <boost/test/unit_test.hpp>

#include "common/errors.hpp"
#include "executor/actions/destination.hpp"
#include "executor/retry.hpp"
#include "executor/signing.hpp"
#include "executor/tally.hpp"

using namespace fraiseql;

BOOST_AUTO_TEST_SUITE(signing)

const std::string known_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string known_body = R"({"test": 2432232314})";

BOOST_AUTO_TEST_CASE(the_signature_of_standard_webhooks_is_the_known_one) {
  BOOST_TEST(Signer({known_secret}).standard("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, known_body) ==
             "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

BOOST_AUTO_TEST_CASE(a_secret_that_is_not_base64_signs_with_its_own_bytes) {
  // printf '1614265330.{"test": 2432232314}' | openssl dgst -sha256 -hmac s3cret
  BOOST_TEST(Signer({"s3cret"}).fraiseql(1614265330, known_body) ==
             "t=1614265330,v1=3623925dcc64e1c2aeb8951e1bb93c912303721472b8a1e601901f6680b9e713");
}

BOOST_AUTO_TEST_CASE(while_rotating_the_current_secret_comes_first) {
  const Signer both({known_secret, "s3cret"}), old({"s3cret"}), current({known_secret});
  BOOST_TEST(both.standard("i", 1, "b") == current.standard("i", 1, "b") + " " + old.standard("i", 1, "b"));
  BOOST_TEST(both.fraiseql(1, "b") == current.fraiseql(1, "b"));
}

BOOST_AUTO_TEST_CASE(a_secret_that_is_none_is_refused_and_not_shown) {
  for (const char* secret : {"", "whsec_", "whsec_abc", "whsec_!!!!", "whsec_ab=c", "whsec_abcd ", "whsec_ abc", "whsec_abcd\n",
                             "whsec_a===", "whsec_abc=abcd", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"})
    BOOST_CHECK_EXCEPTION(Signer({known_secret, secret}), ConfigError, [&](const ConfigError& e) {
      const std::string what = e.what();
      return what.find("secret 2") != what.npos && (std::string(secret).size() < 7 || what.find(secret) == what.npos);
    });
  BOOST_CHECK_THROW(Signer({}), ConfigError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(webhook_action)

namespace {

ActionConfig webhook(const std::string& url) {
  ActionConfig config;
  config.type = "webhook";
  config.origin = "o.toml:7";
  config.url = {url, "o.toml:8"};
  return config;
}

std::string refusal(const ActionConfig& config) {
  try {
    make_action(config, {});
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

struct Sample {
  StoredMessage message;
  EventView view;
  std::string id = "m-1", observer = "ship";
  Event event{message, view, id};
  Try attempt{event, observer, 1, std::chrono::system_clock::from_time_t(1700000000), 1};

  explicit Sample(const std::string& data) {
    message.subject = "p.Order.INSERT";
    message.payload =
        R"({"event":"INSERT","entity":"Order","subject":"p.Order.INSERT","timestamp":"2024-01-15T10:30:00Z","data":)" + data +
        "}";
    view = view_event(message.payload, message.subject).value();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_host_of_a_url_stands_fast) {
  for (const char* url : {"{{ url }}", "http{{ s }}://h/", "https://{{ host }}/x", "https://a.{{ b }}", "https://a:{{ port }}/",
                          "https://{{ user }}@h/", "https://h/../{{ a }}", "https://h/{{ a }}/%2e%2E/x"})
    BOOST_TEST(!refusal(webhook(url)).empty(), url);
  BOOST_TEST(refusal(webhook("https://{{ host }}/x")) ==
             "o.toml:8: observers.actions.url: scheme and host of a URL stand fast; {{ comes after the / that follows them\n"
             "https://{{ host }}/x\n        ^");
  for (const char* url :
       {"https://h/{{ a }}", "https://h?{{ a }}", "https://h:8443/a/{{ a }}/b?c={{ c }}#{{ d }}", "https://h/../x"})
    BOOST_TEST(refusal(webhook(url)) == "", url);
}

BOOST_AUTO_TEST_CASE(a_value_leads_nowhere_else) {
  const Destination place({"https://user:pass@h/orders/{{ a }}/x?{{ a }}", "o:1"}, "url", false);
  BOOST_TEST(place.host() == "h:443");
  BOOST_TEST(place.url(Sample(R"({"a":"1/../?#@evil"})").attempt) ==
             "https://user:pass@h/orders/1%2F..%2F%3F%23%40evil/x?1%2F..%2F%3F%23%40evil");
  BOOST_TEST(place.shown(Sample(R"({"a":1})").attempt) == "https://h/orders/1/x?1");
  for (const char* data : {R"({"a":".."})", R"({"a":"."})"}) BOOST_CHECK_THROW(place.url(Sample(data).attempt), Unrenderable);
  BOOST_CHECK_THROW(place.url(Sample("{\"a\":\"" + std::string(9000, 'x') + "\"}").attempt), Unrenderable);
}

BOOST_AUTO_TEST_CASE(a_mistake_in_a_template_is_shown_with_a_caret_unless_it_may_be_secret) {
  ActionConfig config = webhook("https://h/");
  config.body_template = {"{\n\t\"to\": \"{{ customer. }}\"\n}", "o.toml:12"};
  BOOST_TEST(refusal(config) ==
             "o.toml:12: observers.actions.body_template: a name is missing after the point\n"
             "\t\"to\": \"{{ customer. }}\"\n\t                   ^");
  config = webhook("https://h/T0KEN/{{ a");
  config.url_secret = true;
  BOOST_TEST(refusal(config).find("T0KEN") == std::string::npos);
  BOOST_TEST(refusal(config).find("byte 17") != std::string::npos);
  config = webhook("https://h/");
  config.headers = {{"Authorization", {"Bearer T0KEN {{ a", "o.toml:9"}}};
  BOOST_TEST(refusal(config).starts_with("o.toml:9: observers.actions.headers.Authorization: this {{ is never closed"));
  BOOST_TEST(refusal(config).find("T0KEN") == std::string::npos);
  config.headers = {{"Bad Name", {"x", "o.toml:9"}}};
  BOOST_TEST(!refusal(config).empty());
}

BOOST_AUTO_TEST_CASE(the_content_type_says_how_values_are_escaped) {
  const Sample sample(R"({"a":"1 \"2\" &"})");
  ActionConfig config = webhook("https://h/");
  config.body_template = {R"({"a":"{{ a }}"})", "o.toml:9"};
  BOOST_TEST(make_action(config, {})->preview(sample.attempt) == R"(POST https://h/ {"a":"1 \"2\" &"})");
  config.body_template.text = "a={{ a }}&";
  BOOST_TEST(refusal(config).starts_with("o.toml:9: observers.actions.body_template: not JSON"));
  config.headers = {{"content-type", {"application/vnd.x+json; charset=utf-8", "o:1"}}};
  BOOST_TEST(!refusal(config).empty());
  config.headers = {{"Content-Type", {"text/plain", "o:1"}}};
  BOOST_TEST(make_action(config, {})->preview(sample.attempt) == "POST https://h/ a=1 \"2\" &&");
  config.headers = {{"Content-Type", {"Application/X-WWW-Form-Urlencoded", "o:1"}}};
  BOOST_TEST(make_action(config, {})->preview(sample.attempt) == "POST https://h/ a=1%20%222%22%20%26&");
  config.headers = {{"Content-Type", {"text/{{ a }}", "o:1"}}};
  BOOST_TEST(refusal(config).find("cannot be a template") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_message_to_slack_is_json_and_pings_nobody) {
  const Sample sample(R"({"a":"<!channel> \"x\"\n"})");
  ActionConfig config = webhook("https://hooks.example.org/T0KEN");
  config.type = "slack";
  config.url_secret = true;
  BOOST_TEST(make_action(config, {})->preview(sample.attempt) ==
             R"x(POST hooks.example.org:443 {"text":"INSERT Order (2024-01-15T10:30:00Z)"})x");
  config.channel = "#a\"b";
  config.message_template = {"<!here> {{ a }}", "o:1"};
  BOOST_TEST(make_action(config, {})->preview(sample.attempt) ==
             R"(POST hooks.example.org:443 {"text":"<!here> &lt;!channel&gt; \"x\"\n","channel":"#a\"b"})");
}

BOOST_AUTO_TEST_CASE(unknown_names_are_counted_and_warned_of_once) {
  const Sample sample("{}");
  Tally tally;
  Try attempt = sample.attempt;
  attempt.tally = &tally;
  const Template text("<{{ nope }}{{ entity_id }}{{ entity }}>", Template::Place::text);
  for (int i = 0; i < 3; ++i) BOOST_TEST(fill(text, "message_template", attempt) == "<Order>");
  std::map<std::string, std::string> details;
  tally.tell(details);
  BOOST_TEST(details.at("template_unknown_names") == "6");
  BOOST_TEST(!tally.unknown_name("ship", "nope"));
  BOOST_TEST(tally.unknown_name("other", "nope"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_rendered_is_not_tried_again) {
  const Outcome outcome{Failure::unusable_template, 0, "too long", {}};
  BOOST_TEST(!worth_retrying(outcome));
  BOOST_TEST(label(outcome.failure) == "template");
}

BOOST_AUTO_TEST_CASE(a_bad_secret_is_said_with_its_place) {
  ActionConfig config = webhook("https://h/");
  config.signing_secrets = {"whsec_T0KEN"};
  BOOST_TEST(refusal(config) ==
             "o.toml:7: observers.actions.signing_secret_env: what follows whsec_ in the secret is not base64");
}

BOOST_AUTO_TEST_SUITE_END()
