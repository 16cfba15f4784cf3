#include "executor/postgres/message.hpp"

#include "common/nats/header_block.hpp"

#include <charconv>

namespace fraiseql {
namespace {

// HPUB <subject> <bytes of headers> <bytes in all>\r\n<headers><payload>\r\n
StoredMessage message_of(std::string_view frame) {
  const auto line_end = frame.find("\r\n");
  std::string_view line = frame.substr(0, line_end);
  frame.remove_prefix(line_end + 2);
  frame.remove_suffix(2);
  line.remove_prefix(5);
  const auto blank = line.find(' ');
  std::size_t headers = 0;
  std::from_chars(line.data() + blank + 1, line.data() + line.size(), headers);
  StoredMessage message;
  message.subject = line.substr(0, blank);
  message.headers = nats::parse_header_block(frame.substr(0, headers));
  message.payload = frame.substr(headers);
  return message;
}

}  // namespace

MessageMaker::MessageMaker(const std::string& subject_prefix, const std::string& source)
    : encoder_(subject_prefix, subject_prefix, source) {}

RowMessage MessageMaker::make(const ChangeRow& row) {
  frame_.clear();
  RowMessage made;
  made.why = encoder_.append(frame_, row, {}, std::nullopt, MessageLimits{max_bytes, -1});
  if (made.why) encoder_.append_letter(frame_, row, {}, *made.why, {});
  made.message = message_of(frame_);
  if (frame_.capacity() > (1 << 20)) std::string().swap(frame_);
  if (!made.why) return made;
  // What the letter's row has columns for, and the id under which nobody else knows the change.
  std::erase_if(made.message.headers, [](const auto& header) {
    return header.first == "Nats-Msg-Id" || header.first == "Fraiseql-Event-Id" || header.first.starts_with("Fraiseql-Dlq-");
  });
  made.message.headers.insert(made.message.headers.begin(), {"Nats-Msg-Id", std::string(row.id)});
  return made;
}

}  // namespace fraiseql
