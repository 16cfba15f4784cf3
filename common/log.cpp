#include "common/log.hpp"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <thread>

#include "common/errors.hpp"

namespace fraiseql::log {
namespace {

// The queue's slots are allocated at once, about 300 bytes each.
constexpr std::size_t queue_lines = 2048;

bool json_lines = false;
std::shared_ptr<spdlog::logger> logger;

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

void write(spdlog::level::level_enum level, std::string_view message, Fields fields) {
  if (!logger) {
    static const auto early = [] {
      auto made = std::make_shared<spdlog::logger>("early", std::make_shared<spdlog::sinks::stderr_sink_mt>());
      made->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-5l %v", spdlog::pattern_time_type::utc));
      return made;
    }();
    early->log(level, text_line(message, fields));
    return;
  }
  if (!logger->should_log(level)) return;
  logger->log(level, spdlog::string_view_t(json_lines ? json_members(message, fields) : text_line(message, fields)));
}

}  // namespace

std::string text_line(std::string_view message, Fields fields) {
  std::string line;
  append_escaped(line, message);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (field.quoted) append_quoted(line, field.value);
    else line += field.value;
  }
  return line;
}

std::string json_members(std::string_view message, Fields fields) {
  std::string line = "\"message\":";
  append_quoted(line, message);
  for (const Field& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    if (field.quoted) append_quoted(line, field.value);
    else line += field.value;
  }
  return line;
}

void start(std::string_view program, std::string_view instance, std::string_view level, Format format) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off")
    throw ConfigError("--log-level: must be one of trace, debug, info, warn, error; got " + std::string(level));
  json_lines = format == Format::json;
  spdlog::init_thread_pool(queue_lines, 1);
  auto made = std::make_shared<spdlog::async_logger>("main", std::make_shared<spdlog::sinks::stderr_sink_mt>(), spdlog::thread_pool(),
                                                     spdlog::async_overflow_policy::overrun_oldest);
  std::string pattern;
  const std::string who = std::string(program);
  if (json_lines) {
    std::string escaped;
    append_quoted(escaped, instance);
    std::string doubled;  // a per cent sign is the pattern's own
    for (const char c : escaped) doubled += c == '%' ? "%%" : std::string(1, c);
    pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","program":")" + who + R"(","instance":)" + doubled + ",%v}";
  } else {
    pattern = "%Y-%m-%dT%H:%M:%S.%eZ %-7l " + who + ": %v";
  }
  made->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  made->set_level(parsed);
  made->flush_on(spdlog::level::info);
  logger = std::move(made);
}

void stop() {
  if (!logger) return;
  // spdlog's own shutdown joins its thread, which would wait for ever on a stalled reader of standard error.
  logger->flush();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (spdlog::thread_pool() && spdlog::thread_pool()->queue_size() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (spdlog::thread_pool() && spdlog::thread_pool()->queue_size() == 0) {
    logger.reset();
    spdlog::shutdown();
  }
}

void debug(std::string_view message, Fields fields) { write(spdlog::level::debug, message, fields); }
void info(std::string_view message, Fields fields) { write(spdlog::level::info, message, fields); }
void warn(std::string_view message, Fields fields) { write(spdlog::level::warn, message, fields); }
void error(std::string_view message, Fields fields) { write(spdlog::level::err, message, fields); }

}  // namespace fraiseql::log
