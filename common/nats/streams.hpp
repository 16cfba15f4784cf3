#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/nats/link.hpp"

namespace fraiseql::nats {

/// What the server can do, told from STREAM.INFO's answer; never by calling an API that may be missing.
enum class Level { v2_9, v2_10, v2_11, v2_12, v2_14, v2_15 };

/// One member of a stream's configuration that we care for.
struct Member {
  enum class Change {
    free,  ///< may be set on an existing stream at any time
    grow,  ///< a smaller value would discard data: refused. Values below 1 mean unlimited
    fixed  ///< another value is another stream: refused
  };
  std::string name;
  std::string json;  ///< the wanted value
  Change change;
};

struct StreamInfo {
  std::string config_json;
  Level level = Level::v2_9;
  std::uint64_t first_seq = 0, last_seq = 0, messages = 0, bytes = 0;
  std::int64_t max_msg_size = -1;
  std::int64_t duplicate_window_ns = 0;
  std::int64_t max_msgs = -1, max_bytes = -1;
  std::string created;
  /// Differences that were not applied, because they would lose data or `manage` is false: both sides, in words.
  std::vector<std::string> drift;
};

/// nullopt: there is no such stream. Throws Unavailable.
std::optional<StreamInfo> stream_info(const Link& link, const std::string& name);

/// Creates the stream when missing; when present, compares `wanted` and applies what may be changed: INFO's configuration,
/// our members only, the rest sent back verbatim, so that what others set survives. Reads the answer back.
/// `manage` false: only compares. Throws ConfigError when another stream owns the subjects (10065; names it), the store is
/// too small (10047; `storage_hint` names key and number) or the server refuses the configuration; Unavailable otherwise.
StreamInfo ensure_stream(const Link& link, const std::string& name, const std::vector<Member>& wanted, bool manage,
                         const std::string& storage_hint = {});

/// The members of the stream of change events, from the settings.
std::vector<Member> event_stream(const NatsConfig& config);
/// The same for ensure_stream with its hint.
StreamInfo ensure_event_stream(const Link& link, const NatsConfig& config);

/// The wanted members of the dead letter stream: file, discard new, no age, `max_dlq_size` messages, 24 h duplicate window.
std::vector<Member> dlq_stream(const NatsConfig& config);
/// The same for ensure_stream, except that a cap below what the stream holds is not applied, but told as drift: no letter goes
/// because a number was changed.
StreamInfo ensure_dlq_stream(const Link& link, const NatsConfig& config);
/// Why the configured cap is not applied to this dead letter stream; nullopt: it is, or may be.
std::optional<std::string> dlq_cap_refused(const StreamInfo& present, const NatsConfig& config);

/// Text as a JSON string, quotes included. Pure.
std::string json_quoted(std::string_view text);

}  // namespace fraiseql::nats
