#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fraiseql {

enum class Operation { insert, update, del, custom };

/// INSERT, UPDATE and DELETE in any case; every other verb is CUSTOM.
Operation parse_operation(std::string_view verb);
std::string_view to_string(Operation operation);

/// Longest token of a subject, in bytes after encoding.
inline constexpr std::size_t max_token_bytes = 200;

/// The entity as one token of a subject: bytes other than [A-Za-z0-9_-] percent-encoded, `_` for an empty one.
/// nullopt: over max_token_bytes.
std::optional<std::string> entity_token(std::string_view entity);

}  // namespace fraiseql
