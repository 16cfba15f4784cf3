#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Base64 of RFC 4648, padded, without line breaks. Pure.
namespace fraiseql {

std::string to_base64(std::string_view bytes);
/// nullopt for what is not exactly the text that `to_base64` makes of some bytes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace fraiseql
