#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/change_log.hpp"
#include "common/subject.hpp"

namespace fraiseql {

/// Why a row cannot be published: it becomes a dead letter.
struct Unpublishable {
  enum class Reason { oversize, subject, timestamp, duplicate_id } reason;
  std::string what;       ///< in words
  std::size_t bytes = 0;  ///< payload and headers together, as far as known
};
std::string_view to_string(Unpublishable::Reason reason);

/// What the server and the stream take, in bytes.
struct MessageLimits {
  std::size_t max_payload = 1048576;    ///< headers and payload together
  std::int64_t max_msg_size = -1;       ///< the stream's, headers and payload together; -1: none
  static constexpr std::size_t max_headers = 65535;
};

/// Turns change rows into messages: the subject, the headers and the payload of one event. Keeps its buffers and the
/// tokens of entities between rows. Not thread-safe.
class EventEncoder {
 public:
  /// `prefix` of subjects without a last dot; `source` is the transport_name.
  EventEncoder(std::string prefix, std::string dlq_prefix, const std::string& source);

  /// Appends one HPUB frame for `row` to `out`, or says why the row cannot be published and appends nothing. `reply`:
  /// empty for no answer. `expected_last_seq`: refuses the message unless the stream ends there.
  std::optional<Unpublishable> append(std::string& out, const ChangeRow& row, std::string_view reply,
                                      std::optional<std::uint64_t> expected_last_seq, const MessageLimits& limits);

  /// Appends the HPUB frame of the dead letter of a row. `failed_at` in ISO 8601.
  void append_letter(std::string& out, const ChangeRow& row, std::string_view reply, const Unpublishable& why, std::string_view failed_at);

 private:
  /// Subject of the entity and operation, or nullptr when its token is too long.
  const std::string* subject_of(std::string_view entity, Operation operation);
  void append_headers(const ChangeRow& row);

  std::string prefix_, dlq_prefix_, source_header_, source_;
  std::unordered_map<std::string, std::string> tokens_;
  std::string subject_, headers_, head_;
};

/// Appends `text` as a JSON string with quotes.
void append_json_string(std::string& out, std::string_view text);
/// Appends a header's value: CR, LF and NUL percent-encoded, and the dash of "Nats-", for before 2.11 the text
/// "Nats-Msg-Id" inside a value switches de-duplication off.
void append_header_value(std::string& out, std::string_view value);

}  // namespace fraiseql
