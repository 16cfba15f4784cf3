// Conditions in real executors: which webhook is sent, what is counted, and how a mistake ends the start.
#define BOOST_TEST_MODULE executor_conditions
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "tests/support/executor_fixture.hpp"
#include "tests/support/http.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

struct ConditionsFixture : ExecutorFixture {
  /// An observer that posts to /<name> what satisfies its condition, a TOML value.
  void observe(const std::string& name, const std::string& condition) {
    config.observers += "[[observers]]\nname = \"" + name + "\"\nentity = \"Order\"\ncondition = " + condition +
                        "\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + receiver.url("/" + name) + "\"\n";
  }
  /// An event with the members behind `data`, such as `,"before":{...}`. Returns its id.
  std::string publish_change(const std::string& operation, const std::string& data, const std::string& more = "") {
    const std::string id = unique("00000000-0000-4000-8000-1000000"), subject = prefix + ".Order." + operation;
    publish_raw(subject, {{"Nats-Msg-Id", id}, {"Fraiseql-Source", "pg_to_nats"}, {"Fraiseql-Pk", unique("")}},
                R"({"event":")" + operation + R"(","entity":"Order","subject":")" + subject +
                    R"(","timestamp":"2024-01-15T10:30:00Z","data":)" + data + more + "}");
    return id;
  }
  std::vector<std::string> ids(const std::string& name) const {
    std::vector<std::string> found;
    for (const auto& request : receiver.requests("/" + name)) found.push_back(request.headers.at("webhook-id"));
    return found;
  }
  void check(const std::string& name, std::vector<std::string> expected) const {
    auto found = ids(name);
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    BOOST_TEST_CONTEXT(name) { BOOST_TEST(found == expected, boost::test_tools::per_element()); }
  }
};

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_condition_decides_which_webhook_is_sent, ConditionsFixture) {
  observe("shipped", R"("status.changed() && status == 'shipped' && total > 100")");
  observe("large", R"('total > 100')");
  observe("lines", "'''\ntotal < 100\n\t&& has(status)\n'''");
  observe("exact", R"('number == 9007199254740993')");
  observe("always", R"('true')");
  const auto created = publish_change("INSERT", R"({"status":"shipped","total":150,"number":9007199254740992})");
  const auto shipped = publish_change("UPDATE", R"({"status":"shipped","total":100.01,"number":9007199254740993})",
                                      R"(,"before":{"status":"new"})");
  const auto same = publish_change("UPDATE", R"({"status":"shipped","total":150})", R"(,"before":{"status":"shipped"})");
  const auto small = publish_change("UPDATE", R"({"status":"shipped","total":100.00})", R"(,"before":{"status":"new"})");
  const auto listed = publish_change("UPDATE", R"({"sta\u0074us":"shipp\u0065d","total":1e400})", R"(,"changed":["status"])");
  const auto gone = publish_change("DELETE", R"({"status":"shipped","total":20})");
  const auto empty = publish_change("CUSTOM", "null");
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(7); }));
  check("shipped", {shipped, listed});
  check("large", {created, shipped, same, listed});
  check("lines", {gone});
  check("exact", {shipped});
  check("always", {created, shipped, same, small, listed, gone, empty});
  BOOST_TEST(letters().empty());
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(what_could_not_be_judged_is_counted_and_warned_of_once_per_observer, ConditionsFixture) {
  const int port = free_port();
  config.observers = "listen = \"127.0.0.1:" + std::to_string(port) + "\"\n";  // of [health], which is open
  observe("changes", R"("status.changed() || total > 100")");
  observe("olds", R"("status.old == 'new'")");
  observe("orders", R"("status > 100")");
  for (int i = 0; i < 5; ++i) publish_change("UPDATE", R"({"status":"shipped","total":150})");
  const auto known = publish_change("UPDATE", R"({"status":"shipped","total":150})", R"(,"before":{"status":"new"})");
  auto line = command();
  Child executor(line);
  line[0] = HEALTHD;
  Child healthd(line);
  BOOST_REQUIRE(eventually([&] { return settled(6); }));
  check("changes", {known});
  check("olds", {known});
  check("orders", {});
  BOOST_TEST(eventually([&] {
    const std::string said = http_get(port, "/health?verbose").body;
    return said.find(R"("conditions_without_before":"10")") != said.npos &&
           said.find(R"("conditions_incomparable":"6")") != said.npos;
  }));
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
  BOOST_TEST(times(executor.err(), "needs changelog_pre_image or capture --pre-image") == 2u);
  for (const char* name : {"changes", "olds"}) BOOST_TEST(times(executor.err(), "observer=\"" + std::string(name) + "\"") == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_mistake_in_a_condition_ends_the_start_with_78_and_three_lines, ConditionsFixture) {
  observe("fine", "'total > 1'");
  observe("wrong", R"("größe == 1 && status = 'shipped'")");
  observe("broken", "'''\ntotal > 1 &&\n\t(status == 'x'\n'''");
  const auto line = command();
  const std::string file = line.at(2);
  const auto line_of = [&](const std::string& text) {
    const std::string content = read_file(file);
    return file + ":" + std::to_string(times(content.substr(0, content.find(text)), "\n") + 1);
  };
  for (const bool check : {false, true}) {
    auto arguments = line;
    if (check) arguments.push_back("--check");
    const Finished ended = run(arguments, {}, 20s);
    BOOST_TEST(ended.status == 78);
    BOOST_TEST(ended.out == "");
    BOOST_TEST(ended.err == line_of("condition = \"größe") +
                                ": observers.condition: unknown operator =; write ==\n"
                                "größe == 1 && status = 'shipped'\n"
                                "                     ^\n" +
                                line_of("condition = '''") +
                                ": observers.condition: this ( is never closed\n"
                                "\t(status == 'x'\n"
                                "\t^\n");
  }
  BOOST_TEST(receiver.requests().empty());
}
