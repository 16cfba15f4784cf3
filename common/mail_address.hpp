#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

/// Addresses as people write them, in RFC 5322's form. Pure.
namespace fraiseql {

struct MailAddress {
  std::string name;     ///< UTF-8, for people; may be empty
  std::string address;  ///< local@domain, ASCII, without anything that SMTP or a header line would take for its own
};

/// Reads `a@example.com, Ann <ann@example.com>, "Doe, Jane" <jane@example.com>`. An Error when one of them is none, when
/// there is none at all or more than a hundred.
Result<std::vector<MailAddress>> parse_addresses(std::string_view text);

}  // namespace fraiseql
