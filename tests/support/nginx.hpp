#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/child.hpp"

namespace fraiseql::test {

/// A real nginx on a free port of 127.0.0.1 that answers everything with 204: one process, connections kept alive,
/// no log of requests. Throws std::runtime_error when it does not start.
class Nginx {
 public:
  Nginx();
  std::string url(const std::string& path) const;
  int port() const { return port_; }
  std::uint64_t requests() const;  ///< served so far, as nginx itself counts them; asking is not counted

 private:
  TempDir directory_;
  int port_;
  std::optional<Child> child_;
  mutable std::uint64_t asked_ = 0;
};

}  // namespace fraiseql::test
