#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fraiseql {

/// Signs what webhooks send. Immutable; pure.
class Signer {
 public:
  /// The current secret first; while rotating, the ones before it behind. One that begins with `whsec_` is base64 of the
  /// key, another is the key itself. Throws ConfigError, without the secret, when one is empty or not base64.
  explicit Signer(const std::vector<std::string>& secrets);

  /// Value of `webhook-signature`, as Standard Webhooks have it: `v1,<base64>` for each secret, parted by blanks.
  std::string standard(std::string_view id, std::int64_t unix_seconds, std::string_view body) const;
  /// Value of `X-FraiseQL-Signature-256`, with the current secret: `t=<unix>,v1=<hex>`.
  std::string fraiseql(std::int64_t unix_seconds, std::string_view body) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace fraiseql
