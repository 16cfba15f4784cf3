#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "executor/delivery.hpp"

namespace fraiseql {

class Requests;

/// What a retry needs of a letter, wherever it is kept.
struct RetryLetter {
  std::string reason, observer;
  std::uint64_t action = 0;  ///< from 1; 0: the event as a whole
  StoredMessage original;    ///< the message that it was written for, with its own subject, id and headers
};

/// Why letters of this reason are not retried, wherever they are kept; nullopt when they may be. Pure.
std::optional<std::string> not_retried(std::string_view reason);

/// Where `--retry` takes letters from. Every call throws Unavailable when the server does not answer, and ConfigError when a
/// person has to act. Used by one thread.
class RetrySource {
 public:
  virtual ~RetrySource() = default;

  /// The letter, in our hands until `put_back`, where others could take it too; only read in a dry run. An Error says why it
  /// cannot be retried.
  virtual Result<RetryLetter> take(std::uint64_t number, bool dry_run) = 0;
  virtual void remove(std::uint64_t number) = 0;  ///< its retry has succeeded
  virtual void put_back(std::uint64_t number) = 0;  ///< it is over, one way or the other; throws nothing

  /// What actions that publish do so with; connects when it has to.
  virtual Requests* requests() = 0;

  /// What is known of the actions of an event that was given up as a whole; nullopt: nothing.
  virtual std::optional<std::string> progress(const std::string& event_id) = 0;
  virtual void save_progress(const std::string& event_id, const std::string& json) = 0;
  virtual void forget_progress(const std::string& event_id) = 0;
};

}  // namespace fraiseql
