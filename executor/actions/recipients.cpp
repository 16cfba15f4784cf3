#include "executor/actions/recipients.hpp"

#include <optional>

#include "common/errors.hpp"

namespace fraiseql {
namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

/// Calls `at` for each place that is neither inside of {{ }} nor of double quotes, until it returns true.
template <class At>
void outside(std::string_view text, At at) {
  bool inside = false, quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view two = text.substr(i, 2);
    if (inside || two == "{{") {
      inside = two != "}}";
      if (!inside) ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && at(i)) {
      return;
    }
  }
}

std::string unquoted(const std::string& name) {
  return name.size() >= 2 && name.front() == '"' && name.back() == '"' ? name.substr(1, name.size() - 2) : name;
}

}  // namespace

std::vector<std::string> divide_recipients(std::string_view text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    if (std::string part = trimmed(text.substr(begin, end - begin)); !part.empty()) parts.push_back(std::move(part));
    begin = end + 1;
  };
  outside(text, [&](std::size_t i) {
    if (text[i] == ',') add(i);
    return false;
  });
  add(text.size());
  return parts;
}

Recipients::Recipients(const Placed& to) {
  const auto piece = [&](const std::string& text) { return compile(Placed{text, to.origin}, "to", Template::Place::text); };
  const auto refuse = [&](const std::string& why) { throw ConfigError(to.origin + ": observers.actions.to: " + why); };
  for (const std::string& part : divide_recipients(to.text)) {
    std::optional<std::size_t> open;
    outside(part, [&](std::size_t i) {
      if (part[i] == '<') open = i;
      return open.has_value();
    });
    if (open && part.back() != '>') refuse("the > of an address is missing: " + part);
    std::string address = open ? trimmed(part.substr(*open + 1, part.size() - *open - 2)) : part;
    Part made{piece(open ? unquoted(trimmed(part.substr(0, *open))) : ""), piece(address), open.has_value()};
    if (made.address.fixed())
      if (const auto known = parse_addresses(address); !known) refuse(known.error().what);
    parts_.push_back(std::move(made));
  }
  if (parts_.empty()) refuse("no mail address");
  if (parts_.size() > 100) refuse("more than 100 mail addresses");
}

Result<std::vector<MailAddress>> Recipients::of(const Try& attempt) const {
  std::vector<MailAddress> all;
  for (const Part& part : parts_) {
    auto found = parse_addresses(fill(part.address, "to", attempt));
    if (!found) return found.error();
    if (found.value().size() != 1) return Error{"a value holds several mail addresses where one belongs"};
    MailAddress one = std::move(found.value().front());
    if (part.named) one.name = fill(part.name, "to", attempt);
    all.push_back(std::move(one));
  }
  return all;
}

std::string Recipients::preview(const Try& attempt) const {
  std::string line;
  for (const Part& part : parts_) line += (line.empty() ? "" : ", ") + fill(part.address, "to", attempt);
  return line;
}

}  // namespace fraiseql
