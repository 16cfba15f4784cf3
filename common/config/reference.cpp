#include <string>

#include "common/config.hpp"
#include "common/config/keys.hpp"

namespace fraiseql {
namespace {

using namespace config;

std::string kind_of(const Key& key) {
  switch (key.rule.type) {
    case Type::text:
      return "text";
    case Type::choice:
      return "one of " + std::string(key.rule.choices);
    case Type::flag:
      return "boolean";
    case Type::integer:
      return "integer";
    case Type::duration:
      return "duration";
    case Type::list:
      return "array of text";
    case Type::names:
      return "text or array of text";
    case Type::json:
      return "table";
    case Type::pairs:
      break;
  }
  return "table of text";
}

std::string standard_of(const Key& key) {
  if (!key.standard.empty()) return std::string(key.standard);
  return key.rule.type == Type::list ? "[]" : "";
}

std::string rule_of(const Key& key) {
  if (key.later) return "not supported yet";
  return key.message.empty() ? kind_of(key) : kind_of(key) + "; " + std::string(key.message);
}

std::string meaning_of(const Key& key) {
  return (key.types.empty() ? "" : std::string(key.types) + ": ") + std::string(key.meaning);
}

std::string code(std::string_view text) { return text.empty() ? "-" : "`" + std::string(text) + "`"; }

void add_tables(std::string& out, Home home) {
  std::string table;
  for (const Key& key : keys(home)) {
    const auto dot = key.name.rfind('.');
    if (const std::string_view of = key.name.substr(0, dot); of != table) {
      table = of;
      const bool repeated = home == Home::observers && table != "observers.retry";
      out += "\n### " + std::string(repeated ? "[[" : "[") + table + (repeated ? "]]" : "]") + "\n\n";
      out += "| key | default | environment | rule | meaning |\n|---|---|---|---|---|\n";
    }
    out += "| `" + std::string(key.name.substr(dot + 1)) + "` | " + code(standard_of(key)) + " | " + code(key.variable) + " | " +
           rule_of(key) + " | " + meaning_of(key) + " |\n";
  }
}

}  // namespace

std::string reference_markdown() {
  std::string out = R"(# Configuration: every key

This page is made from the table of keys in `common/config/keys.cpp`; a test compares the two.

Two TOML files in the working directory, or where `--config FILE` and `--app-config FILE` say: `fraiseql-observer.toml`
and FraiseQL's own `fraiseql.toml`. Either may be absent. What is set in the environment wins over
`fraiseql-observer.toml`, that over `fraiseql.toml`, that over the default.

`${NAME}` inside a string is replaced by the environment variable, `${NAME:-default}` when that is unset or empty by the
default; `$${` is a literal `${`. A variable that a value needs and that is not set is an error.

All mistakes are reported at once, one line each, `file:line: key: message` (`environment:NAME: key: message` for a
variable), and the program ends with exit code 78 before it connects to anything. Unknown keys are mistakes.

## fraiseql-observer.toml
)";
  add_tables(out, Home::observer_file);
  out += R"(
`[clickhouse]` and `[job_queue]` are FraiseQL's: passed over with a warning.

## Observers, in the same file

Each type of action with its keys and an example: [actions.md](actions.md). Conditions: [conditions.md](conditions.md);
templates: [templates.md](templates.md).
)";
  add_tables(out, Home::observers);
  out += R"(
## fraiseql.toml

Of this file only these keys are read. In `[observers]`, FraiseQL's own `enabled`, `redis_url`, `handlers`, `runtime` and
`pool` are passed over, others are mistakes.
)";
  add_tables(out, Home::app_file);
  return out;
}

std::string keys_help(unsigned users) {
  std::string out;
  const auto add = [&](Home home, std::string_view title) {
    std::string part;
    for (const Key& key : keys(home)) {
      if ((key.users & users) == 0 || key.later) continue;
      std::string line = "  " + std::string(key.name);
      if (!standard_of(key).empty()) line += " = " + standard_of(key);
      if (!key.variable.empty()) line += "  [" + std::string(key.variable) + "]";
      part += line + "\n      " + meaning_of(key) + "\n";
    }
    if (!part.empty()) out += std::string(title) + "\n" + part;
  };
  add(Home::observer_file, "Keys of fraiseql-observer.toml (default, [environment variable]):");
  add(Home::observers, "Keys of its [[observers]]:");
  add(Home::app_file, "Keys of fraiseql.toml:");
  return out;
}

}  // namespace fraiseql
