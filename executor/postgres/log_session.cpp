// What a session is, what it does once a second, and how it ends.
#include "executor/postgres/log_session.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "common/log.hpp"
#include "common/reporter.hpp"
#include "common/stop.hpp"
#include "executor/postgres/session.hpp"
#include "executor/session_report.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int blocking_threads = 8;          // mail, database, cache: a few at once
constexpr auto frozen_limit = 8s;            // below the server's idle_session_timeout of 10 s, which frees our lock
constexpr auto hand_back_grace = 3s;         // to save at the end of a stop

}  // namespace

LogSession::Eventfd::Eventfd() : fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
LogSession::Eventfd::~Eventfd() { close(fd); }

LogSession::LogSession(const SessionParts& parts)
    : parts_(parts),
      observers_(parts.observers.current()),
      config_(parts.config.change_log),
      name_(config_.transport_name),
      nats_(loop_, parts.config.nats, *observers_),
      http_(loop_, parts.addresses, parts.config.max_concurrency),
      blocking_(blocking_threads),
      store_(config_.database_url, name_),
      letters_(loop_, letters_background_, store_, parts.tally, parts.config.nats.max_dlq_size, [this] { worker_.resume(); }),
      worker_({{loop_, http_, blocking_, nats_.requests()}, letters_, *this, progress_, parts.tally, parts.config},
              observers_, {[this] { worker_changed(); }}),
      maker_(parts.config.nats.subject_prefix, name_) {}

LogSession::~LogSession() {
  reader_.reset();  // before what it reads from
  parts_.reporter.update([](StatusReport& report) { report.problems.clear(); });
}

void LogSession::run() {
  log::info("session open", {{"transport", "postgres"}, {"consumer", name_}});
  loop_.on_turn([this] { turned(); });
  loop_.watch(wake_.fd, EPOLLIN, [this](std::uint32_t) { woken(); });
  loop_.watch(parts_.stop.fd(), EPOLLIN, [this](std::uint32_t) {
    if (!parts_.stop.requested()) return;
    loop_.unwatch(parts_.stop.fd());
    stop();
  });
  if (parts_.stop.requested()) return;
  loop_.watch(parts_.observers.fd(), EPOLLIN, [this](std::uint32_t) { reread(); });
  connect();
  tick();
  loop_.run();
  if (failure_) std::rethrow_exception(failure_);
}

void LogSession::fail(std::exception_ptr why) {
  failure_ = why;
  loop_.quit();
}

// Something is over. The worker is in the middle of its own work: ours waits until the loop's next turn.
void LogSession::worker_changed() {
  if (leading_) fill_soon();
  if (epoch_ == 0 && !worker_.empty() && !std::exchange(dropping_, true))
    loop_.post([this] {
      dropping_ = false;
      if (epoch_ == 0) worker_.abandon_waiting();
    });
  if (stopping_) loop_.post([this] { end_if_done(); });
}

void LogSession::woken() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(wake_.fd, &count, sizeof count);
  if (!leading_) return;
  const std::uint64_t before = confirmed_;
  reading([this] { save(false); });
  if (stopping_) return end_if_done();
  if (leading_ && confirmed_ != before) fill_soon();
  fill();
}

void LogSession::tick() {
  if (leading_) reading([this] { save(false); });
  if (leading_ && !counting_ && Clock::now() - counted_ >= 2s) {
    counting_ = true;
    letters_background_.run([this] {
      std::optional<std::int64_t> count;
      try {
        count = store_.letters();
      } catch (const std::exception&) {  // what matters is said by those who write
      }
      loop_.post([this, count] {
        counting_ = false;
        counted_ = Clock::now();
        if (count) parts_.tally.letters(static_cast<std::uint64_t>(*count));
      });
    });
  }
  fill();
  report();
  loop_.after(leading_ && !stopping_ ? 1s : 500ms, [this] { tick(); });
}

void LogSession::report() {
  if (leading_) parts_.tally.backlog(static_cast<std::uint64_t>(std::max<std::int64_t>(0, reader_->waiting().events)));
  tell_problems(problems_, letters_, needs_restart_.empty() ? parts_.observers.refused() : needs_restart_);
  const auto nats = nats_.connected();
  parts_.reporter.update([&](StatusReport& to) {
    to.state = leading_ || stopping_ ? "running" : standing_by_ ? "standby" : "starting";
    to.postgres = connected_ ? Reach::ok : Reach::unreachable;
    to.jetstream = !nats ? Reach::not_used : *nats ? Reach::ok : Reach::unreachable;
    to.problems = problems_;
    tell_work(to, worker_, *observers_, parts_.tally, name_);
    to.details["epoch"] = std::to_string(epoch_);
    if (ledger_) to.details[std::string(detail_key::position_pk)] = std::to_string(ledger_->cursor());
    // One that stands by does not see them.
    if (!leading_)
      for (const auto name : {metric::backlog_size, metric::dlq_items}) to.metrics.gauges.erase({std::string(name), {}});
  });
}

// By now the server may have given our lock to another one, who does what we have not begun.
void LogSession::turned() {
  parts_.reporter.turn();
  const auto now = Clock::now();
  const bool frozen = now - std::exchange(last_turn_, now) > frozen_limit;
  if (!frozen || !leading_) return;
  worker_.abandon_waiting();
  not_leading("this process stood still; another one may lead by now", "frozen");
  problems_.erase("frozen");
}

void LogSession::reread() {
  if (!parts_.observers.reread()) return;
  const auto fresh = parts_.observers.current();
  needs_restart_.clear();
  if (!nats_.serves(*fresh)) {
    needs_restart_ = "the first nats action needs a restart, for it needs a connection";
    log::error("the observers are not taken over; those from before go on", {{"why", needs_restart_}});
    return;
  }
  observers_ = fresh;
  worker_.observe(fresh);
}

void LogSession::stop() {
  stopping_ = true;
  const auto by = Clock::now() + parts_.config.shutdown_timeout;
  log::info("stopping", {{"held", worker_.held()}, {"within_ms", parts_.config.shutdown_timeout.count()}});
  worker_.stop(by);
  loop_.at(by, [this] {
    if (!worker_.empty()) log::warn("out of time, the rest is left to the next one", {{"changes", worker_.held()}});
    worker_.hand_back_all();
    end_if_done();
    loop_.after(hand_back_grace, [this] {
      if (unsaved()) log::warn("stopped without having saved all: some of it will be repeated");
      loop_.quit();
    });
  });
  end_if_done();
}

void LogSession::end_if_done() {
  if (!stopping_ || !worker_.empty() || !letters_.empty()) return;
  if (!leading_) {
    // What we know waits for PostgreSQL; the last timer of the stop ends that.
    if (!unsaved()) loop_.quit();
    return;
  }
  if (!std::exchange(finishing_, true)) return save_the_rest();
  if (!rest_saved_) return;
  reading([this] {
    if (!reader_->saved()) return;
    confirmed_ = std::max(confirmed_, saving_);
    if (confirmed_ == ledger_->first_open()) return loop_.quit();
    save(true);
  });
}

// What the prefix does not say: a clean stop repeats nothing.
void LogSession::save_the_rest() {
  std::map<std::int64_t, Ahead> rest = ahead_;
  std::uint64_t number = ledger_->first_open();
  for (const Ledger::Item& item : ledger_->beyond()) {
    const auto back = handed_back_.find(number++);
    const std::string* json = back == handed_back_.end() ? nullptr : progress_.find(back->second);
    if (item.settled || json) rest[item.pk] = {item.settled, json ? *json : std::string()};
  }
  const auto saved = [this](bool) {
    rest_saved_ = true;
    reading([this] { save(true); });
    end_if_done();
  };
  if (rest.empty()) return saved(true);
  letters_background_.run([this, rest, saved, epoch = epoch_] {
    try {
      store_.save_ahead(epoch, rest);
      loop_.post([saved] { saved(true); });
    } catch (const std::exception& e) {
      loop_.post([this, why = std::string(e.what())] {
        log::warn("progress cannot be saved", {{"why", why}});
        loop_.after(500ms, [this] {
          if (leading_) return save_the_rest();
          finishing_ = false;
          end_if_done();
        });
      });
    }
  });
}

void run_postgres_session(const SessionParts& parts) {
  LogSession session(parts);
  session.run();
}

}  // namespace fraiseql
