// What it costs to judge an event, beside what it costs to walk through its payload once, in turns in the same run.
//
//   build/release/tests/bench_condition [--seconds N] [--json]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "executor/event_view.hpp"
#include "executor/language/condition.hpp"

using namespace fraiseql;

namespace {

// 400 bytes, as the bridge publishes it for a table captured with --pre-image.
const std::string subject = "fraiseql.mutation.Order.UPDATE";
const std::string payload =
    R"({"event":"UPDATE","entity":"Order","subject":"fraiseql.mutation.Order.UPDATE","timestamp":"2024-01-15T10:30:00.123456Z",)"
    R"("data":{"id":"7f6c2d0e-5d4b-4c1a-9b8e-3f2a1c0d9e8f","note":"the door","total":150.00,"status":"shipped","items":[{"sku":"A1"}]},)"
    R"("before":{"id":"7f6c2d0e-5d4b-4c1a-9b8e-3f2a1c0d9e8f","note":null,"total":150.00,"status":"pending","items":[{"sku":"A1"}]},"changed":["note","status"]})";

/// The fastest of many short runs: what it costs when nobody else wants the processor.
template <class Work>
double best_ns(double seconds, const Work& work) {
  using Clock = std::chrono::steady_clock;
  constexpr int at_once = 2'000;
  double best = 1e9;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    const auto start = Clock::now();
    for (int i = 0; i < at_once; ++i) work();
    best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count() / at_once);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 1;
  bool json = false;
  CLI::App app{"Cost of conditions"};
  app.add_option("--seconds", seconds, "per case");
  app.add_flag("--json", json, "one JSON object");
  CLI11_PARSE(app, argc, argv);

  const auto event = view_event(payload, subject);
  if (!event) return std::fprintf(stderr, "%s\n", event.error().what.c_str()), 1;
  struct Case {
    const char *name, *condition;
    bool holds;
  };
  const std::vector<Case> cases = {
      {"typical", "status.changed() && status == 'shipped' && total > 100", true},
      {"one_column", "status == 'shipped'", true},
      {"first_part_fails", "status == 'new' && total > 100 && note.changed()", false},
      {"deep", "items[0].sku in ('X9', 'A1') && !(items[0].sku.changed() || total.changed())", true},
  };
  volatile bool sink = false;
  const double walk_ns = best_ns(seconds, [&] { sink = static_cast<bool>(view_event(payload, subject)); });
  if (json)
    std::printf("{\"payload_bytes\":%zu,\"walk_ns\":%.0f", payload.size(), walk_ns);
  else
    std::printf("%zu bytes, walked through in %.0f ns\n", payload.size(), walk_ns);
  for (const Case& one : cases) {
    const Condition condition(one.condition);
    if (condition.judge(event.value()).holds != one.holds) return std::fprintf(stderr, "wrong verdict: %s\n", one.condition), 1;
    const double ns = best_ns(seconds, [&] { sink = condition.judge(event.value()).holds; });
    if (json)
      std::printf(",\"%s_ns\":%.0f,\"%s_ratio\":%.3f", one.name, ns, one.name, ns / walk_ns);
    else
      std::printf("%6.0f ns  %.2f of the walk  %s\n", ns, ns / walk_ns, one.condition);
  }
  std::printf(json ? "}\n" : "");
  (void)sink;
}
