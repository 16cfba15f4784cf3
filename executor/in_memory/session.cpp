#include "executor/in_memory/session.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "common/log.hpp"
#include "common/status_names.hpp"
#include "common/stop.hpp"
#include "executor/actions_nats.hpp"
#include "executor/blocking.hpp"
#include "executor/http_client.hpp"
#include "executor/in_memory/lines.hpp"
#include "executor/loop.hpp"
#include "executor/memory_progress.hpp"
#include "executor/observers.hpp"
#include "executor/tally.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

namespace {

constexpr int blocking_threads = 8;
constexpr auto hand_back_grace = 3s;

/// What is said at the end.
struct Summary {
  std::uint64_t events = 0, not_events = 0, matched = 0, ok = 0, failed = 0, unfinished = 0;

  int print() const {
    std::cout << "events " << events << ", not events " << not_events << ", matched " << matched << ", actions ok " << ok
              << ", actions failed " << failed;
    if (unfinished > 0) std::cout << ", events not finished " << unfinished;
    std::cout << std::endl;
    return not_events + failed + unfinished > 0 ? 1 : 0;
  }
};

/// The message that a line stands for. An id of its own for each run: a receiver must not take a second trial for a repeat.
Result<StoredMessage> message_of(const Lines::Line& line, const std::string& run) {
  if (line.too_long) return Error{"longer than " + std::to_string(Lines::longest) + " bytes"};
  const auto view = view_event(line.text);
  if (!view) return view.error();
  StoredMessage message;
  message.subject = view.value().subject;
  message.headers = {{"Nats-Msg-Id", run + std::to_string(line.number)}};
  message.payload = line.text;
  message.stream_seq = line.number;
  return message;
}

bool blank(const Lines::Line& line) { return !line.too_long && line.text.find_first_not_of(" \t") == std::string::npos; }

void say_no_event(const Lines::Line& line, const std::string& why) {
  log::error("a line of standard input is no event", {{"line", line.number}, {"why", why}});
}

class Letters : public DeadLetters {
 public:
  explicit Letters(Loop& loop) : loop_(loop) {}
  void write(const StoredMessage& message, const Cause& cause, std::function<void()> stored) override {
    log::error("dead letter", {{"line", message.stream_seq},
                               {"reason", cause.reason},
                               {"observer", cause.observer},
                               {"action", cause.action},
                               {"attempts", cause.attempts},
                               {"http_status", cause.http_status},
                               {"why", cause.error}});
    loop_.post(std::move(stored));
  }
  bool failing() const override { return false; }
  const std::string& why() const override { return never_; }

 private:
  Loop& loop_;
  std::string never_;
};

class Session : private Acks {
 public:
  Session(const ExecutorConfig& config, std::shared_ptr<const Observers> observers, const AddressPolicy& addresses, StopSignal& stop);
  int run();

 private:
  void fill();
  void changed();
  void stop();
  void end_if_done();
  void done(const std::string&) override {}
  void terminate(const std::string&) override {}
  void hand_back(const std::string&) override { ++summary_.unfinished; }
  void working(const std::string&) override {}

  const ExecutorConfig& config_;
  std::shared_ptr<const Observers> observers_;
  StopSignal& stop_;
  const std::string run_ = "stdin-" + std::to_string(getpid()) + "-" +
                           std::to_string(std::chrono::system_clock::now().time_since_epoch() / 1ms) + "-";
  Summary summary_;
  Tally tally_;
  Loop loop_;
  ActionsNats nats_;
  HttpClient http_;
  Blocking blocking_;
  Letters letters_;
  MemoryProgress progress_;
  Worker worker_;
  bool stopping_ = false, posted_ = false;
  Lines lines_;
};

Session::Session(const ExecutorConfig& config, std::shared_ptr<const Observers> observers, const AddressPolicy& addresses,
                 StopSignal& stop)
    : config_(config),
      observers_(std::move(observers)),
      stop_(stop),
      nats_(loop_, config.nats, *observers_),
      http_(loop_, addresses, config.max_concurrency),
      blocking_(blocking_threads),
      letters_(loop_),
      worker_({{loop_, http_, blocking_, nats_.requests()}, letters_, *this, progress_, tally_, config}, observers_,
              {[this] { changed(); }}),
      lines_(STDIN_FILENO, loop_, [this] { fill(); }) {}

int Session::run() {
  loop_.watch(stop_.fd(), EPOLLIN, [this](std::uint32_t) {
    if (!stop_.requested()) return;
    loop_.unwatch(stop_.fd());
    stop();
  });
  loop_.run();
  // A try that fails is tried again or has failed for good.
  std::uint64_t tries = 0, errors = 0, retries = 0;
  for (const auto& [key, count] : tally_.metrics().counters) {
    if (key.first == metric::action_executed) tries += count;
    if (key.first == metric::action_errors) errors += count;
    if (key.first == metric::events_retried) retries += count;
  }
  summary_.ok = tries - errors;
  summary_.failed = errors - retries;
  summary_.unfinished += worker_.held();
  return summary_.print();
}

// Nothing is read that there is no room for: the other end of a pipe waits.
void Session::fill() {
  while (!stopping_ && worker_.room() > 0) {
    const auto line = lines_.next();
    if (!line) break;
    if (blank(*line)) continue;
    auto message = message_of(*line, run_);
    if (!message) {
      say_no_event(*line, message.error().what);
      ++summary_.not_events;
      continue;
    }
    ++summary_.events;
    const auto view = view_event(message.value().payload);
    const std::string id = std::string(message.value().header("Nats-Msg-Id"));
    Tally twice;  // the worker asks again, and its answer is the one that counts
    if (!observers_->matching(Event{message.value(), view.value(), id}, twice).empty()) ++summary_.matched;
    worker_.take(std::move(message).value(), id, 1);
  }
  end_if_done();
}

void Session::changed() {
  if (std::exchange(posted_, true)) return;
  loop_.post([this] {
    posted_ = false;
    fill();
  });
}

void Session::stop() {
  stopping_ = true;
  const auto by = std::chrono::steady_clock::now() + config_.shutdown_timeout;
  log::info("stopping", {{"held", worker_.held()}, {"within_ms", config_.shutdown_timeout.count()}});
  worker_.stop(by);
  loop_.at(by, [this] {
    worker_.hand_back_all();
    loop_.after(hand_back_grace, [this] { loop_.quit(); });
    end_if_done();
  });
  end_if_done();
}

void Session::end_if_done() {
  if (worker_.empty() && (stopping_ || lines_.ended())) loop_.quit();
}

}  // namespace

int run_in_memory(const ExecutorConfig& config, std::shared_ptr<const Observers> observers, const AddressPolicy& addresses,
                  StopSignal& stop) {
  return Session(config, std::move(observers), addresses, stop).run();
}

int run_dry(const Observers& observers, StopSignal& stop) {
  Summary summary;
  Loop loop;
  Tally tally;
  std::uint64_t previews = 0;
  Lines* reading = nullptr;
  const auto now = std::chrono::system_clock::now();
  const auto take = [&] {
    while (const auto line = reading->next()) {
      if (blank(*line)) continue;
      const auto message = message_of(*line, "line-");
      if (!message) {
        say_no_event(*line, message.error().what);
        ++summary.not_events;
        continue;
      }
      ++summary.events;
      const auto view = view_event(message.value().payload);
      const std::string id(message.value().header("Nats-Msg-Id"));
      const Event event{message.value(), view.value(), id};
      const auto matching = observers.matching(event, tally);
      if (!matching.empty()) ++summary.matched;
      for (const std::size_t place : matching) {
        const ObserverConfig& observer = observers.at(place);
        for (std::size_t action = 0; action < observer.actions.size(); ++action, ++previews)
          std::cout << "line " << line->number << ", " << observer.name << ", action " << action + 1 << ": "
                    << observers.action(place, action).preview({event, observer.name, 1, now, action + 1}) << "\n";
      }
    }
    if (reading->ended()) loop.quit();
  };
  Lines lines(STDIN_FILENO, loop, take);
  reading = &lines;
  loop.watch(stop.fd(), EPOLLIN, [&](std::uint32_t) {
    if (stop.requested()) loop.quit();
  });
  loop.run();
  std::cout << "events " << summary.events << ", not events " << summary.not_events << ", matched " << summary.matched
            << ", actions " << previews << " (dry run, none was run)" << std::endl;
  return summary.not_events > 0 ? 1 : 0;
}

}  // namespace fraiseql
