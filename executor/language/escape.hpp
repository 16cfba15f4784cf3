#pragma once

#include <string>
#include <string_view>

/// How bytes are written where they have a meaning of their own. All append to `to`. Pure.
namespace fraiseql::escape {

/// Whole characters as they are; what is not UTF-8 becomes U+FFFD.
void utf8(std::string& to, std::string_view text);
/// What stands between the quotes of a JSON text. Of UTF-8.
void json_text(std::string& to, std::string_view text);
/// Percent-encoded, but for RFC 3986's unreserved characters.
void url(std::string& to, std::string_view text);
/// Control bytes percent-encoded: one line stays one line.
void line(std::string& to, std::string_view text);
/// & < > as Slack wants them.
void chat(std::string& to, std::string_view text);
/// A backslash before what a glob of Redis takes for its own.
void glob(std::string& to, std::string_view text);

}  // namespace fraiseql::escape
