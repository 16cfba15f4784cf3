#include "executor/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "common/errors.hpp"

namespace fraiseql {
namespace {

IpAddress v4_from(const std::uint8_t* four) {
  IpAddress address;
  address.v4 = true;
  std::copy(four, four + 4, address.bytes.begin() + 12);
  return address;
}

struct Range {
  Network network;
  std::string_view kind;
};

const std::vector<Range>& refused_ranges() {
  static const std::vector<Range> ranges = [] {
    constexpr std::pair<std::string_view, std::string_view> table[] = {
        // Metadata services first, so that the refusal says what the address really is.
        {"169.254.169.254/32", "metadata service"},
        {"100.100.100.200/32", "metadata service"},
        {"168.63.129.16/32", "metadata service"},
        {"192.0.0.192/32", "metadata service"},
        {"fd00:ec2::254/128", "metadata service"},
        {"fd20:ce::254/128", "metadata service"},
        {"0.0.0.0/8", "this host"},
        {"10.0.0.0/8", "private"},
        {"100.64.0.0/10", "carrier-grade NAT"},
        {"127.0.0.0/8", "loopback"},
        {"169.254.0.0/16", "link-local"},
        {"172.16.0.0/12", "private"},
        {"192.0.0.0/24", "reserved"},
        {"192.0.2.0/24", "documentation"},
        {"192.88.99.0/24", "reserved"},
        {"192.168.0.0/16", "private"},
        {"198.18.0.0/15", "benchmarking"},
        {"198.51.100.0/24", "documentation"},
        {"203.0.113.0/24", "documentation"},
        {"224.0.0.0/4", "multicast"},
        {"240.0.0.0/4", "reserved"},
        {"::/128", "this host"},
        {"::1/128", "loopback"},
        {"64:ff9b:1::/48", "private NAT64"},
        {"100::/64", "discard-only"},
        {"2001:db8::/32", "documentation"},
        {"3fff::/20", "documentation"},
        {"2001::/23", "reserved"},
        {"5f00::/16", "reserved"},
        {"fc00::/7", "private"},
        {"fe80::/10", "link-local"},
        {"fec0::/10", "private"},
        {"ff00::/8", "multicast"},
    };
    std::vector<Range> made;
    for (const auto& [text, kind] : table) made.push_back({Network::parse(text).value(), kind});
    return made;
  }();
  return ranges;
}

bool starts_with(const IpAddress& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.bytes.begin());
}

}  // namespace

std::optional<IpAddress> IpAddress::of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    std::uint8_t four[4];
    std::memcpy(four, &in.sin_addr, 4);
    return v4_from(four);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    IpAddress made;
    std::memcpy(made.bytes.data(), &in.sin6_addr, 16);
    return made;
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::parse(const std::string& text) {
  std::uint8_t four[4];
  if (inet_pton(AF_INET, text.c_str(), four) == 1) return v4_from(four);
  IpAddress made;
  if (inet_pton(AF_INET6, text.c_str(), made.bytes.data()) == 1) return made;
  return std::nullopt;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (v4)
    inet_ntop(AF_INET, bytes.data() + 12, buffer, sizeof buffer);
  else
    inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
  return buffer;
}

IpAddress IpAddress::unwrapped() const {
  if (v4) return *this;
  const auto* last_four = bytes.data() + 12;
  if (starts_with(*this, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return v4_from(last_four);     // mapped
  if (starts_with(*this, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0})) return v4_from(last_four);     // translated (SIIT)
  if (starts_with(*this, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return v4_from(last_four);  // NAT64
  if (starts_with(*this, {0x20, 0x02})) return v4_from(bytes.data() + 2);                            // 6to4
  // ::a.b.c.d, but neither :: nor ::1, which are addresses of their own
  if (starts_with(*this, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) &&
      (last_four[0] || last_four[1] || last_four[2] || last_four[3] > 1))
    return v4_from(last_four);
  return *this;
}

Result<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(std::string(text.substr(0, slash)));
  if (!address) return Error{"not an IP network: " + std::string(text)};
  const int width = address->v4 ? 32 : 128;
  int bits = width;
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || bits < 0 || bits > width)
      return Error{"not an IP network: " + std::string(text)};
  }
  return Network{*address, bits};
}

bool Network::contains(const IpAddress& address) const {
  if (address.v4 != base.v4) return false;
  const std::size_t first = base.v4 ? 12 : 0;
  for (int bit = 0; bit < bits; ++bit) {
    const std::size_t byte = first + static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((base.bytes[byte] & mask) != (address.bytes[byte] & mask)) return false;
  }
  return true;
}

std::string_view refused_kind(const IpAddress& address) {
  const IpAddress real = address.unwrapped();
  for (const Range& range : refused_ranges())
    if (range.network.contains(real) || range.network.contains(address)) return range.kind;
  return {};
}

AddressPolicy::AddressPolicy(const std::vector<std::string>& allow_networks) {
  for (const auto& text : allow_networks) {
    auto network = Network::parse(text);
    if (!network) throw ConfigError("security.allow_networks: " + network.error().what);
    allowed_.push_back(network.value());
  }
}

std::optional<std::string> AddressPolicy::refusal(const IpAddress& address) const {
  const auto kind = refused_kind(address);
  if (kind.empty()) return std::nullopt;
  const IpAddress real = address.unwrapped();
  for (const Network& network : allowed_)
    if (network.contains(real) || network.contains(address)) return std::nullopt;
  return "address " + real.text() + " is refused (" + std::string(kind) + "); to allow it: [security] allow_networks = [\"" +
         real.text() + (real.v4 ? "/32" : "/128") + "\"]";
}

}  // namespace fraiseql
