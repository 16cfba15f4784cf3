#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fraiseql {

/// Limits of a request's head. What is above them is refused before it is all read.
inline constexpr std::size_t longest_request_line = 8 * 1024;
inline constexpr std::size_t longest_head = 16 * 1024;
inline constexpr std::size_t most_header_lines = 100;

struct Request {
  std::string method;
  std::string path;   ///< as sent, not decoded
  std::string query;  ///< after the question mark
};

/// What has become of the bytes read so far.
struct Head {
  enum class State { incomplete, complete, refused };
  State state = State::incomplete;
  Request request;
  int refusal = 0;  ///< the HTTP status
};

/// Reads the head of an HTTP/1 request; bodies are of no interest here. Pure.
Head read_head(std::string_view bytes);

/// Whether a query holds a parameter of this name, with any value.
bool has_parameter(std::string_view query, std::string_view name);
/// The whole number that the first parameter of this name holds; none: there is no such parameter, or it is no number.
std::optional<std::int64_t> number_parameter(std::string_view query, std::string_view name);

}  // namespace fraiseql
