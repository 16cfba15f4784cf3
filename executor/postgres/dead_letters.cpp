#include "executor/postgres/dead_letters.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "common/log.hpp"
#include "common/text.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/background.hpp"
#include "executor/event_view.hpp"
#include "executor/loop.hpp"
#include "executor/tally.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_error = 1024;  // bytes

// An error may hold what a stranger's server answered.
std::string clean(std::string_view text, std::size_t limit = std::string_view::npos) {
  std::string made;
  std::size_t from = 0, at = 0;
  while (at < text.size()) {
    const std::size_t length = text[at] == '\0' ? 0 : utf8_character(text.substr(at));  // PostgreSQL's text holds no NUL
    if (at + std::max<std::size_t>(length, 1) > limit) break;
    if (length == 0) {
      made += text.substr(from, at - from);
      made += '?';
      from = at + 1;
    }
    at += std::max<std::size_t>(length, 1);
  }
  return made += text.substr(from, at - from);
}

std::string headers_json(const Headers& headers) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  json.StartObject();
  for (const auto& [name, value] : headers) {
    for (const std::string& text : {clean(name), clean(value)})  // a key is written as any text
      json.String(text.c_str(), static_cast<rapidjson::SizeType>(text.size()));
  }
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

LetterRow letter_row(const StoredMessage& message, const Cause& cause) {
  LetterRow row;
  row.reason = cause.reason;
  row.observer = clean(cause.observer);
  row.action = cause.action;
  row.attempts = cause.attempts;
  row.error = clean(cause.error, longest_error);
  row.http_status = cause.http_status;
  row.event_id = clean(event_id(message));
  row.pk = message.header("Fraiseql-Pk");
  row.headers = headers_json(message.headers);
  row.payload = clean(message.payload);
  // <prefix>.<entity>.<operation>; the entity's own spelling is in the payload.
  const std::string_view subject = message.subject;
  const auto last = subject.rfind('.');
  if (last != std::string_view::npos && last > 0) {
    row.operation = clean(subject.substr(last + 1));
    const auto before = subject.rfind('.', last - 1);
    row.entity = clean(subject.substr(before + 1, last - before - 1));
  }
  if (const auto view = view_event(message.payload)) row.entity = view.value().entity;
  return row;
}

PostgresDeadLetters::PostgresDeadLetters(Loop& loop, Background& background, ObserverStore& store, Tally& tally,
                                         std::optional<std::int64_t> max, std::function<void()> repaired)
    : loop_(loop), background_(background), store_(store), tally_(tally), max_(max), repaired_(std::move(repaired)) {}

void PostgresDeadLetters::write(const StoredMessage& message, const Cause& cause, std::function<void()> stored) {
  add(letter_row(message, cause), std::move(stored));
}

void PostgresDeadLetters::write(const StoredMessage& message, const Cause& cause, const std::string& entity,
                                std::function<void()> stored) {
  LetterRow row = letter_row(message, cause);
  row.entity = clean(entity);
  add(std::move(row), std::move(stored));
}

void PostgresDeadLetters::add(LetterRow letter, std::function<void()> stored) {
  const std::uint64_t number = next_++;
  waiting_.emplace(number, Waiting{std::move(letter), std::move(stored)});
  send(number);
}

void PostgresDeadLetters::send(std::uint64_t number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  background_.run([this, number, letter = found->second.letter, max = max_] {
    try {
      const auto how = store_.keep(letter, max);
      loop_.post([this, number, how] { kept(number, how); });
    } catch (const std::exception& e) {
      loop_.post([this, number, why = std::string(e.what())] { again(number, why); });
    }
  });
}

void PostgresDeadLetters::kept(std::uint64_t number, ObserverStore::Kept how) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  Waiting done = std::move(found->second);
  waiting_.erase(found);
  if (how == ObserverStore::Kept::full) {
    tally_.overflow();
    log::error("dead letter dropped, the dead letter queue is full (observers.max_dlq_size)",
               {{"event_id", done.letter.event_id}, {"observer", done.letter.observer}, {"action", done.letter.action}});
  }
  if (done.overdue) --overdue_;
  done.stored();
  if (done.overdue && overdue_ == 0) {
    log::info("dead letters are written again");
    if (repaired_) repaired_();
  }
}

void PostgresDeadLetters::again(std::uint64_t number, const std::string& why) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  if (!std::exchange(found->second.overdue, true) && ++overdue_ == 1)
    log::error("a dead letter cannot be written; nothing new is taken until it can", {{"why", why}});
  why_ = why;
  loop_.after(1s, [this, number] { send(number); });
}

}  // namespace fraiseql
