#pragma once

#include <string>

#include "executor/actions/compile.hpp"

namespace fraiseql {

/// Where an action posts to: a URL whose host stands fast, and whose path and query may be a template.
class Destination {
 public:
  static constexpr std::size_t longest = 8192;  ///< bytes of a rendered URL

  /// `key`: under which an action has it. `secret`: not to be shown. Throws ConfigError.
  Destination(const Placed& url, std::string_view key, bool secret);

  const std::string& host() const { return host_; }  ///< such as "example.com:443"
  /// Throws Unrenderable: too long, or a value that leads out of its part of the path.
  std::string url(const Try& attempt) const;
  std::string shown(const Try& attempt) const;  ///< without secrets

 private:
  Template url_;
  std::string key_;
  std::string host_;
  bool secret_;
};

}  // namespace fraiseql
