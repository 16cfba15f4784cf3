#pragma once

#include <string>
#include <utility>

#include "common/config/document.hpp"
#include "common/config/keys.hpp"
#include "common/result.hpp"

namespace fraiseql::config {

using Value = decltype(Setting::value);

/// Replaces `${NAME}` and `${NAME:-default}` (when NAME is unset or empty); `$${` stands for `${`. What was put in is
/// not looked at again.
Result<std::string> expand(const std::string& text, const Environment& environment);
/// The same in all strings of a value.
Result<Node> expand(const Node& node, const Environment& environment);

/// A table as the text of a JSON object; dates and times as text. Or why there is none.
Result<std::string> json_of(const Node& table);

/// The value of a node or of the text of an environment variable, checked against the key's rule; or the message.
Result<Value> value_of(const Key& key, const Node& node);
Result<Value> value_of(const Key& key, const std::string& text);

}  // namespace fraiseql::config
