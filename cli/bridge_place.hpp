#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/config.hpp"

namespace fraiseql {

/// Where the bridge shall go on after the broker has lost messages. Exactly one of the first three.
struct RewindTo {
  std::optional<std::int64_t> pk;  ///< publish again what stands above it, unless the stream still holds it
  std::string time;                ///< RFC 3339: go back to the newest checkpoint not after it
  bool accept = false;             ///< go on from the checkpoint without what is lost
  bool dry_run = false;            ///< change nothing
};

struct AdoptFrom {
  std::optional<std::int64_t> pk;  ///< publish what stands above it, unless the stream holds it; see adopt_database()
  bool dry_run = false;            ///< change nothing
};

/// What was done, or with dry_run would be, for people.
struct Moved {
  std::int64_t from_pk = 0, to_pk = 0;
  std::uint64_t skips_after_seq = 0;  ///< messages behind it that the stream still holds are not published again
  std::int64_t adopted = 0;           ///< rows that were given an xact_id
};

/// There is nothing to do, or it must not be done; says why, and what to do instead.
class NotMoved : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Moves the checkpoint of `config`'s transport back; whoever leads begins anew from there. Rows that were not published yet are
/// not passed over, wherever `to` points. Throws NotMoved, Unavailable, ConfigError.
Moved rewind_bridge(const BridgeConfig& config, const RewindTo& to);

/// Makes a copied database one of its own: rows written elsewhere get an xact_id of it, and the bridge goes on with what the
/// copied checkpoint had not done, and what stands above `from`, less what the stream holds. Without a pk that is the cursor if
/// the stream is known by the checkpoint's message, else just below the first message that it has of this transport.
/// Throws as above.
Moved adopt_database(const BridgeConfig& config, const AdoptFrom& from);

}  // namespace fraiseql
