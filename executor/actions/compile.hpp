#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "executor/actions/action.hpp"
#include "executor/language/template.hpp"

// What actions do with templates.
namespace fraiseql {

/// Compiles a template of the observer file; `key` without `observers.actions.`, an unset one is an empty text. Throws
/// ConfigError: `file:line: key: what is wrong`, then the template's line and a caret below the place; these two are left
/// out of a `secret` text, which nobody shall read in a log.
Template compile(const Placed& text, std::string_view key, Template::Place place, bool secret = false);

/// What a template comes to for this try. Counts the names that the event does not have, and warns of each once per
/// observer; a try without a tally (a dry run) does neither. On the loop's thread. Throws Unrenderable.
std::string fill(const Template& text, std::string_view key, const Try& attempt);

/// What `show` says; or, when it throws Unrenderable, why a try would fail.
std::string preview_of(const std::function<std::string()>& show);

}  // namespace fraiseql
