#include "common/config/reader.hpp"

namespace fraiseql::config {

void Reader::read(const Node& table, const std::string& prefix, Values& values, const Special& special) {
  for (const auto& [name, node] : table.members) {
    const std::string path = prefix.empty() ? name : prefix + "." + name;
    if (special && special(path, node)) continue;
    if (const Key* key = find_key(home_, path)) {
      read_value(*key, node, values);
    } else if (is_table(home_, path)) {
      if (node.kind == Node::Kind::table)
        read(node, path, values, special);
      else
        mistake(node, path, "expected a table, got " + std::string(kind_name(node.kind)));
    } else {
      const bool table_here = node.kind == Node::Kind::table;
      mistake(node, path,
              (table_here ? "unknown table; the nearest known one is " : "unknown key; the nearest known one is ") +
                  nearest(home_, path, table_here));
    }
  }
}

std::optional<std::string> Reader::variable(const Node& place, std::string_view key, const std::string& name) {
  if (const auto found = environment_.find(name); found != environment_.end()) return found->second;
  if (matters(for_executor)) mistake(place, key, "unset variable " + name);
  return std::nullopt;
}

void Reader::read_value(const Key& key, const Node& node, Values& values) {
  if (key.later) return mistake(node, key.name, "not supported yet");
  if (!key.variable.empty() && environment_.contains(key.variable)) return;  // the environment wins, so this is not even expanded
  const auto expanded = expand(node, environment_);
  if (!expanded) {
    if (matters(key.users)) mistake(node, key.name, expanded.error().what);
    return;
  }
  auto value = value_of(key, expanded.value());
  if (value)
    values[std::string(key.name)] = Setting{std::move(value).value(), origin(node)};
  else
    mistake(node, key.name, value.error().what);
}

}  // namespace fraiseql::config
