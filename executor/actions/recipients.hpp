#pragma once

#include <string>
#include <vector>

#include "executor/actions/compile.hpp"
#include "executor/actions/mail_message.hpp"

namespace fraiseql {

/// Whom a mail goes to: the template is divided at its own commas, and each part comes to one address, whatever the values
/// are. A value can neither add a receiver nor leave the place that it was put into.
class Recipients {
 public:
  /// Throws ConfigError for a mistake in a template, and for a fixed part that is no address.
  explicit Recipients(const Placed& to);

  /// An Error when a part does not come to one address. Throws Unrenderable.
  Result<std::vector<MailAddress>> of(const Try& attempt) const;
  std::string preview(const Try& attempt) const;

 private:
  struct Part {
    Template name;     ///< for people; empty when the part has no <...>
    Template address;  ///< without <...>: the whole part
    bool named;
  };
  std::vector<Part> parts_;
};

/// The parts of a template between its commas; those inside of {{ }} or double quotes do not divide it. Pure.
std::vector<std::string> divide_recipients(std::string_view text);

}  // namespace fraiseql
