#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "executor/language/raw_json.hpp"
#include "executor/language/template.hpp"

namespace fraiseql {

/// A piece of a template: text that stands as it is, or the name of a value.
struct Template::Part {
  enum class From { text, event, entity, subject, timestamp, id, entity_id, payload, data, before };
  From from = From::text;
  std::string text;                       ///< as it stands; of a name: as it is written
  std::vector<raw_json::Step> path = {};  ///< into data or before
  std::size_t at = 0;                     ///< bytes before it in the template
  bool quoted = false;                    ///< in a JSON template: it lands inside quotes
};

/// Cuts a template into its parts. Throws Mistake. Pure.
std::vector<Template::Part> parse_template(std::string_view text, Template::Place place);

}  // namespace fraiseql
