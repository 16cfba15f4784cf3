#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

/// Log lines on standard error, one per happening: lower case, the facts as fields. Info is what an operator wants
/// once; a warning heals by itself; an error wants a person. Never blocks: when the reader of standard error stalls,
/// lines are dropped, not events. Thread-safe.
namespace fraiseql::log {

/// A fact beside the message. Values are escaped here, so a caller may pass any bytes.
struct Field {
  Field(std::string_view key_, std::string_view value_) : key(key_), value(value_), quoted(true) {}
  Field(std::string_view key_, const std::string& value_) : key(key_), value(value_), quoted(true) {}
  Field(std::string_view key_, const char* value_) : key(key_), value(value_), quoted(true) {}
  Field(std::string_view key_, bool value_) : key(key_), value(value_ ? "true" : "false"), quoted(false) {}
  template <class Number>
    requires(std::integral<Number> || std::floating_point<Number>)
  Field(std::string_view key_, Number value_) : key(key_), value(std::to_string(value_)), quoted(false) {}

  std::string_view key;
  std::string value;
  bool quoted;
};
using Fields = std::initializer_list<Field>;

enum class Format { text, json };

/// Who is speaking and how. `level` is one of trace, debug, info, warn, error; another one throws ConfigError.
/// Call once, in main, after the signals are blocked (it starts the writing thread). Before that, lines go out at once.
void start(std::string_view program, std::string_view instance, std::string_view level, Format format);
/// Writes out what waits, for at most two seconds. Called by main on the way out.
void stop();

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warn(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

/// The body of one line, as written after time and level. Pure.
std::string text_line(std::string_view message, Fields fields);
std::string json_members(std::string_view message, Fields fields);

}  // namespace fraiseql::log
