#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// How `fraiseql dlq` shows letters. Pure.
namespace fraiseql {

/// A letter without its payload. The members of the JSON form are these, in this order; those that it does not have are null.
struct LetterFacts {
  std::uint64_t number = 0;
  std::string failed_at, reason, entity, operation, observer, action, attempts, http_status, error, event_id, stream_seq;
};

/// A letter, wherever it is kept.
struct ShownLetter {
  LetterFacts facts;
  std::int64_t stored_at_ns = 0;  ///< Unix time
  std::string subject;            ///< empty: it stands in no stream
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload;  ///< empty in a listing
};

std::string list_heading();
/// One line, at most `width` columns: the error comes last and is cut.
std::string list_line(const LetterFacts& facts, std::size_t width);
/// The JSON members, without braces.
std::string json_members_of(const LetterFacts& facts);

/// Everything, for a person: facts, the headers of the event, and its payload; JSON is laid out.
std::string full_text(const ShownLetter& letter);
/// Everything as one JSON object: the facts, subject, stored_at, headers, and `payload` when it is JSON, else `payload_text`,
/// or `payload_base64` when it is not UTF-8.
std::string full_json(const ShownLetter& letter);

/// Text as a JSON string; bytes that are no UTF-8 become U+FFFD.
std::string json_text(std::string_view text);

}  // namespace fraiseql
