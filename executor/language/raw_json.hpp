#pragma once

#include <compare>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

/// Looks into JSON text without making anything of it: no tree, no conversion, no recursion, no allocation. The text of a
/// number keeps every digit, and nesting of any depth costs nothing. Made for text that has passed `view_event`; of any
/// other text the answers mean nothing, but are given. Pure.
namespace fraiseql::raw_json {

enum class Kind { none, null, no, yes, number, text, array, object };
/// Kind of a value, of its raw text without blanks around it. `none`: empty.
Kind kind(std::string_view value);

/// A step of a path: into a member or into an element.
struct Step {
  std::string name;  ///< escapes undone
  std::size_t element = 0;
  bool into_array = false;
};

/// The raw text of the value under `path`; empty when there is none. Of members with one name the last one counts, as
/// PostgreSQL has it. An empty path: the value itself.
std::string_view find(std::string_view value, std::span<const Step> path);

/// The members of these names in one pass: `found[i]` is the value of `names[i]`, empty when there is none. Names are all
/// different.
void members(std::string_view object, std::span<const std::string> names, std::span<std::string_view> found);

/// Whether an array holds this text among its elements.
bool holds_text(std::string_view array, std::string_view text);

/// A text: the bytes between its quotes, or any text that has no escapes.
struct Text {
  std::string_view bytes;
  bool escaped = false;  ///< `bytes` has backslashes, which begin escapes
};
/// Of a raw value of kind `text`.
Text text(std::string_view value);
/// Appends what a text says, escapes undone. Half a surrogate pair becomes three bytes that are not UTF-8.
void append(std::string& to, Text text);
/// Order by the bytes of the texts in UTF-8 (which is that of the code points), escapes undone.
std::strong_ordering compare(Text one, Text other);

/// Whether two values are the same: numbers as decimals, texts by what they say, arrays element by element, objects member
/// by member in the order in which they are written (jsonb's own order is always the same).
bool same(std::string_view one, std::string_view other);

}  // namespace fraiseql::raw_json
