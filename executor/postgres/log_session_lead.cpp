// How a session comes to lead, and ceases to.
#include "common/log.hpp"
#include "executor/postgres/log_session.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto ask_every = 500ms;            // for the lock: how fast a standby takes over
constexpr auto head_start = 1500ms;          // for the process that led when PostgreSQL went away: it repeats nothing
constexpr auto say_again_every = 30s;        // why PostgreSQL is lost, while it is

}  // namespace

void LogSession::connect() {
  off_loop(
      background_,
      [this] {
        change_log_ = std::make_shared<ChangeLog>(config_.database_url, name_, config_.start_from_now,
                                                  "fraiseql executor " + name_);
        change_log_->save_durably();
        ObserverStore(config_.database_url, name_).check_schema();
        return true;
      },
      [this](bool) {
        connected_ = true;
        problems_.erase(std::string(problem::postgres_unreachable));
        // One that did not lead lets the one that did come first: it holds what is under way and repeats nothing.
        const bool wait = was_lost_ && epoch_ == 0;
        loop_.after(wait ? Clock::duration(head_start) : Clock::duration::zero(), [this] { ask(); });
      });
}

void LogSession::ask() {
  off_loop(
      background_,
      [this, known = epoch_] {
        Asked answer;
        if (!change_log_->try_lead()) return answer;
        answer.checkpoint = change_log_->checkpoint();
        if (change_log_->is_copy(answer.checkpoint))
          throw Refused(problem::database_copy,
                        "this database is a copy: rows of its change log were written elsewhere, so the checkpoint " + name_ +
                            " does not belong to it");
        answer.resumed = known != 0 && answer.checkpoint.epoch == known;
        if (!answer.resumed) {
          answer.ahead = ObserverStore(config_.database_url, name_).ahead(answer.checkpoint.epoch);
          if (answer.checkpoint.first_run && !config_.start_from_now)
            if (const Waiting waiting = change_log_->waiting_after(0); waiting.events > 0)
              log::warn(
                  "first run: everything in the change log will be acted on; start_from = \"now\" in [transport.bridge] would "
                  "skip it",
                  {{"rows", waiting.events}, {"oldest", waiting.oldest}});
          answer.checkpoint.epoch = change_log_->take_epoch();
        }
        if (!config_.notify_channel.empty()) change_log_->listen(config_.notify_channel);
        answer.leads = true;
        return answer;
      },
      [this](const Asked& answer) { asked(answer); });
}

void LogSession::asked(const Asked& answer) {
  if (answer.leads) return lead(answer);
  if (epoch_ != 0) {
    log::warn("another process has taken over; what is held here is dropped", {{"held", worker_.held()}});
    epoch_ = 0;
    drop_held();
  }
  if (!std::exchange(standing_by_, true)) log::info("another executor leads: standing by", {{"consumer", name_}});
  if (stopping_) return end_if_done();
  loop_.after(ask_every, [this] { ask(); });
}

void LogSession::lead(const Asked& answer) {
  const std::uint64_t first = ledger_ ? ledger_->next() : 1;
  if (answer.resumed) {
    // Read again from the prefix on: what is settled is skipped, and what is held is found to be held.
    std::uint64_t number = ledger_->first_open();
    for (const Ledger::Item& item : ledger_->beyond()) {
      if (item.settled)
        ahead_[item.pk].settled = true;
      else
        carried_[number] = item.pk;
      ++number;
    }
    ledger_ = Ledger(ledger_->prefix(), ledger_->cursor(), first);
  } else {
    drop_held();
    ahead_ = answer.ahead;
    ledger_ = Ledger(answer.checkpoint.place, answer.checkpoint.cursor, first);
  }
  checkpoint_ = answer.checkpoint;
  epoch_ = answer.checkpoint.epoch;
  // What was settled meanwhile is not saved yet.
  if (!answer.resumed) confirmed_ = first;
  saving_ = confirmed_;
  leading_ = true;
  standing_by_ = was_lost_ = false;
  said_.clear();
  backoff_.reset();
  problems_.erase(std::string(problem::database_copy));
  log::info("reading the change log", {{"consumer", name_},
                                       {"from_pk", ledger_->cursor()},
                                       {"epoch", epoch_},
                                       {"resumed", answer.resumed},
                                       {"known_ahead", ahead_.size()}});
  reader_ = std::make_shared<PageReader>(
      *change_log_, PageReader::Settings{config_.batch_size, config_.poll_interval, MessageMaker::max_bytes, epoch_}, ledger_->prefix(),
      ledger_->cursor(), wake_.fd);
  if (stopping_) return end_if_done();
  worker_.resume();
  fill_soon();
}

// The thread of a reader may be in a statement, and must not stop the loop for so long.
void LogSession::let_go() {
  leading_ = false;
  page_.reset();
  window_.reset();
  background_.run([reader = std::exchange(reader_, nullptr), change_log = change_log_]() mutable {
    reader.reset();
    change_log.reset();
  });
  background_.run([this] { change_log_.reset(); });
}

void LogSession::not_leading(const std::string& why, const std::string& problem) {
  let_go();
  connected_ = problem != problem::postgres_unreachable;
  was_lost_ = true;
  standing_by_ = false;
  problems_[problem] = why;
  const auto pause = backoff_.next(std::uniform_real_distribution<double>()(dice_));
  // Once a second, for as long as it lasts, would be no news.
  if (why != said_ || Clock::now() - said_at_ >= say_again_every) {
    log::warn(connected_ ? "the change log cannot be read" : "PostgreSQL lost; actions in flight go on",
              {{"why", why}, {"held", worker_.held()}, {"retry_in_ms", std::chrono::milliseconds(pause).count()}});
    said_ = why;
    said_at_ = Clock::now();
  }
  if (stopping_ && !unsaved() && worker_.empty()) return loop_.quit();
  loop_.after(pause, [this] { connect(); });
}

void LogSession::fenced(const std::string& why) {
  log::warn("session over; what is held here is dropped", {{"why", why}, {"held", worker_.held()}});
  epoch_ = 0;
  let_go();
  drop_held();
  loop_.after(100ms, [this] { connect(); });
  if (stopping_) end_if_done();
}

// Another one acts on it.
void LogSession::drop_held() {
  worker_.drop_acks();
  worker_.abandon_waiting();
  progress_.clear();
  ahead_.clear();
  carried_.clear();
  handed_back_.clear();
}

}  // namespace fraiseql
