// Which changes a session takes, and what becomes of them.
#include <algorithm>
#include <charconv>

#include "common/log.hpp"
#include "executor/postgres/log_session.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t held_bytes = 64 << 20;  // of changes that are not settled; one alone may be longer
constexpr auto save_every = 100ms;
constexpr auto save_idle_every = 60s;
constexpr int rows_per_turn = 1000;

// What the worker answers to: number in the ledger, and what its progress is known by.
std::string reply_to(std::uint64_t number, const std::string& event_id) { return std::to_string(number) + ' ' + event_id; }
std::uint64_t number_of(const std::string& reply) {
  std::uint64_t number = 0;
  std::from_chars(reply.data(), reply.data() + reply.size(), number);
  return number;
}

}  // namespace

void LogSession::done(const std::string& reply) { settled(number_of(reply)); }
void LogSession::terminate(const std::string& reply) { settled(number_of(reply)); }

int LogSession::room() const {
  if (!leading_ || stopping_ || (ledger_->open_bytes() >= held_bytes)) return 0;
  // All that is not known to be saved would be repeated after a crash.
  const auto at_risk = static_cast<std::int64_t>(ledger_->next() - confirmed_);
  const std::int64_t capacity = parts_.config.channel_capacity - at_risk;
  return static_cast<int>(std::max<std::int64_t>(0, std::min<std::int64_t>(capacity, worker_.room())));
}

void LogSession::fill_soon() {
  if (std::exchange(fill_posted_, true)) return;
  loop_.post([this] {
    fill_posted_ = false;
    fill();
  });
}

void LogSession::fill() {
  if (!leading_ || filling_) return;
  filling_ = true;
  reading([this] {
    int rows = 0;
    while (room() > 0) {
      if (rows == rows_per_turn) return fill_soon();
      if (!page_) {
        page_ = reader_->take();
        row_ = 0;
        if (!page_) break;
        window_ = std::make_shared<const Place>(page_->window);
      }
      if (row_ < page_->rows.size()) {
        take(page_->rows[row_++]);
        ++rows;
        continue;
      }
      if (page_->window_done) ledger_->end_window(page_->next);
      page_.reset();
    }
    save(false);
  });
  filling_ = false;
}

void LogSession::take(const ChangeRow& row) {
  if (!carried_.empty()) std::erase_if(carried_, [&](const auto& held) { return held.second == row.pk; });
  RowMessage made = maker_.make(row);
  StoredMessage& message = made.message;
  const std::uint64_t number = ledger_->add(window_, row.pk, message.payload.size());
  std::uint64_t deliveries = 1;
  if (const auto known = ahead_.find(row.pk); known != ahead_.end()) {
    const Ahead ahead = std::move(known->second);
    ahead_.erase(known);
    if (ahead.settled) {
      ledger_->settle(number);
      return;
    }
    progress_.put(std::string(row.id), ahead.progress);
    deliveries = 2;  // its progress is asked for
  }
  // Changes of an entity are ordered by it, and no pk is: one of a transaction that stayed open comes late.
  message.stream_seq = number;
  if (!made.why) return worker_.take(std::move(message), reply_to(number, std::string(row.id)), deliveries);
  log::error("change cannot be an event: dead letter",
             {{"pk", row.pk}, {"id", row.id}, {"reason", to_string(made.why->reason)}, {"what", made.why->what}});
  parts_.tally.failed(Failure::undecodable);
  parts_.tally.settled(Tally::Seconds(0));
  letters_.write(message, Cause{"unpublishable", "", 0, 0, made.why->what, 0}, std::string(row.entity), [this, number] {
    settled(number);
    worker_changed();
  });
}

void LogSession::settled(std::uint64_t number) {
  if (!ledger_ || ledger_->settle(number)) return;
  const auto held = carried_.find(number);
  if (held == carried_.end()) return;
  ahead_[held->second].settled = true;
  carried_.erase(held);
}

void LogSession::hand_back(const std::string& reply) {
  if (stopping_) {
    handed_back_[number_of(reply)] = reply.substr(reply.find(' ') + 1);
    return;
  }
  // A worker does so only when it stops. It would stand before the prefix for ever.
  loop_.post([this] {
    if (leading_) fenced("a change was handed back: reading again from the checkpoint");
  });
}

bool LogSession::unsaved() const {
  return ledger_ && epoch_ != 0 && (ledger_->first_open() > confirmed_ || !ledger_->beyond().empty() || !ahead_.empty());
}

void LogSession::save(bool at_once) {
  if (!leading_ || !reader_->saved()) return;
  const auto now = Clock::now();
  confirmed_ = std::max(confirmed_, saving_);
  const std::uint64_t number = ledger_->first_open();
  const bool moved = number != confirmed_;
  // A short channel must not wait for the clock.
  const bool many = static_cast<std::int64_t>(number - confirmed_) >= std::max(1, parts_.config.channel_capacity / 2);
  if (!moved && now - saved_at_ < save_idle_every && !at_once) return;
  if (moved && !at_once && !many && now - saved_at_ < save_every) return;
  checkpoint_.place = ledger_->prefix();
  checkpoint_.cursor = std::max(checkpoint_.cursor, ledger_->cursor());
  checkpoint_.epoch = epoch_;
  saved_at_ = now;
  saving_ = number;
  reader_->save(checkpoint_);
}

}  // namespace fraiseql
