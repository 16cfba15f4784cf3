#pragma once

#include <string>
#include <string_view>

/// What the texts of actions may look like. As the checks of rules.hpp: each returns what is wrong, or an empty text, and
/// never repeats the value. Names in templates are not looked at: whoever compiles them does.
namespace fraiseql::config {

std::string multiline(const std::string& value);
std::string variable_name(const std::string& value);
std::string secret_variable(const std::string& value);  ///< the same, and not itself a secret
std::string signing_secret(const std::string& value);
std::string mail_address(const std::string& value);
std::string mail_addresses(const std::string& value);
std::string mail_receivers(const std::string& value);
std::string plain_subject(const std::string& value);
std::string function_name(const std::string& value);
std::string cache_key(const std::string& value);
std::string nats_subject(const std::string& value);
bool is_header_name(const std::string& name);
bool is_own_header(std::string_view name);  ///< one that a webhook sets itself, or that frames the request

/// The text with an `x` for each `{{ ... }}`. One that does not end reaches to the end.
std::string without_templates(const std::string& value);

}  // namespace fraiseql::config
