#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

struct sockaddr;

namespace fraiseql {

/// An IP address as a socket would use it. An IPv4 address is kept as the last four of the sixteen bytes.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool v4 = false;

  static std::optional<IpAddress> of(const sockaddr* address);  ///< nullopt for another family
  static std::optional<IpAddress> parse(const std::string& text);
  std::string text() const;
  /// The IPv4 address that a v6 one stands for: mapped, compatible, NAT64 or 6to4. Any other address is returned as is.
  IpAddress unwrapped() const;
};

/// A range such as 10.0.0.0/8 or fd00::/8. A bare address is the range of that one.
struct Network {
  IpAddress base;
  int bits = 0;  ///< of the prefix, counted in the address's own family

  static Result<Network> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
};

/// Which kind of address webhooks must not reach this is (loopback, private, ...); empty for a public one.
std::string_view refused_kind(const IpAddress& address);

/// Decides whether a webhook may connect to an address.
class AddressPolicy {
 public:
  /// `allow_networks` are CIDRs. Throws ConfigError that names the one that is none.
  explicit AddressPolicy(const std::vector<std::string>& allow_networks);
  /// Why not, with the line that would allow it; nullopt when allowed.
  std::optional<std::string> refusal(const IpAddress& address) const;

 private:
  std::vector<Network> allowed_;
};

}  // namespace fraiseql
