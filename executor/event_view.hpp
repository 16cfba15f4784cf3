#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.hpp"

namespace fraiseql {

/// Microseconds reach over all years of four digits; the clock's own nanoseconds overflow before 1678 and after 2262.
using EventTime = std::chrono::sys_time<std::chrono::microseconds>;

/// What the executor needs to know of a payload. The row itself stays unparsed: its views point into the payload.
struct EventView {
  std::string event;  ///< INSERT, UPDATE, DELETE, CUSTOM
  std::string entity;
  std::string subject;
  std::string timestamp;  ///< as in the payload
  EventTime changed_at;
  std::string_view data;     ///< JSON, "null" when there is no row
  std::string_view before;   ///< JSON; empty: none
  std::string_view changed;  ///< a JSON array of names; empty: none
};

/// Reads a payload and checks its shape: the members of an event, each once, and nothing else; well-formed JSON in
/// UTF-8 up to its last byte; the subject that of the message. Numbers are never converted, and nesting costs heap, not
/// stack, up to a cap.
Result<EventView> view_event(std::string_view payload, std::string_view subject);
Result<EventView> view_event(std::string_view payload);  ///< the same where there is no message besides

/// Time of an ISO 8601 text in UTC with Z, a fraction of up to nine digits allowed; nullopt when it is something else.
std::optional<EventTime> parse_event_time(std::string_view text);

}  // namespace fraiseql
