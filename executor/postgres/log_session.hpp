#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "common/backoff.hpp"
#include "common/errors.hpp"
#include "common/page_reader.hpp"
#include "common/status_names.hpp"
#include "executor/actions_nats.hpp"
#include "executor/background.hpp"
#include "executor/blocking.hpp"
#include "executor/http_client.hpp"
#include "executor/loop.hpp"
#include "executor/memory_progress.hpp"
#include "executor/observer_file.hpp"
#include "executor/postgres/dead_letters.hpp"
#include "executor/postgres/ledger.hpp"
#include "executor/postgres/message.hpp"
#include "executor/postgres/store.hpp"
#include "executor/session_parts.hpp"
#include "executor/worker.hpp"

namespace fraiseql {

/// One session of an executor that reads the change log itself; what it promises: executor/postgres/session.hpp. Three
/// files: what it is and how it ends; how it comes to lead and ceases to; which changes it takes and what becomes of them.
class LogSession : private Acks {
 public:
  explicit LogSession(const SessionParts& parts);
  ~LogSession() override;
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  /// What came of asking for the lock.
  struct Asked {
    bool leads = false;
    bool resumed = false;  ///< nobody has led since we did
    Checkpoint checkpoint;
    std::map<std::int64_t, Ahead> ahead;
  };
  struct Eventfd {
    Eventfd();
    ~Eventfd();
    const int fd;
  };

  // From the lock to its loss.
  void connect();
  void ask();
  void asked(const Asked& answer);
  void lead(const Asked& answer);
  void not_leading(const std::string& why, const std::string& problem);
  void fenced(const std::string& why);
  void drop_held();
  void let_go();
  // Changes in, and what became of them.
  void fill();
  void fill_soon();
  void take(const ChangeRow& row);
  int room() const;
  void settled(std::uint64_t number);
  void done(const std::string& reply) override;
  void terminate(const std::string& reply) override;
  void hand_back(const std::string& reply) override;
  void working(const std::string&) override {}
  void save(bool at_once);
  bool unsaved() const;
  // The rest.
  void worker_changed();
  void woken();
  void tick();
  void report();
  void turned();
  void reread();
  void stop();
  void end_if_done();
  void save_the_rest();
  void fail(std::exception_ptr why);
  /// Calls `work`, which asks the reader; what the reader's thread has met ends our leading.
  template <class Work>
  void reading(Work work);
  template <class Work, class Then>
  void off_loop(Background& background, Work work, Then then);

  SessionParts parts_;
  std::shared_ptr<const Observers> observers_;
  const ChangeLogConfig& config_;
  const std::string name_;  // of the checkpoint
  Loop loop_;
  Eventfd wake_;
  ActionsNats nats_;
  HttpClient http_;
  Blocking blocking_;
  ObserverStore store_;           // used by letters_background_ alone
  PostgresDeadLetters letters_;
  MemoryProgress progress_;
  Worker worker_;
  MessageMaker maker_;

  std::optional<Ledger> ledger_;
  std::map<std::int64_t, Ahead> ahead_;            // changes to be read again of which more is known than the prefix says
  std::map<std::uint64_t, std::int64_t> carried_;  // held since before a loss and not read again yet: number -> pk
  std::map<std::uint64_t, std::string> handed_back_;  // number -> event id
  std::uint64_t saving_ = 0, confirmed_ = 0;       // numbers: all before them is being saved, is saved
  Checkpoint checkpoint_;                          // as last saved
  std::int64_t epoch_ = 0;                         // 0: we do not lead, or another one has led since
  bool connected_ = false, leading_ = false, standing_by_ = false, was_lost_ = false;
  bool filling_ = false, fill_posted_ = false;
  bool stopping_ = false, finishing_ = false, rest_saved_ = false, counting_ = false, dropping_ = false;
  Backoff backoff_{std::chrono::milliseconds(100), std::chrono::milliseconds(1000)};
  std::minstd_rand dice_{std::random_device{}()};
  Clock::time_point saved_at_{}, last_turn_ = Clock::now(), counted_{};
  std::map<std::string, std::string> problems_;
  std::string needs_restart_;  // why the newest observers were not taken over
  std::string said_;  // why it was lost, last
  Clock::time_point said_at_{};
  std::exception_ptr failure_;

  std::shared_ptr<const Page> page_;
  std::shared_ptr<const Place> window_;
  std::size_t row_ = 0;
  std::shared_ptr<ChangeLog> change_log_;  // used by background_, then by the reader
  std::shared_ptr<PageReader> reader_;
  Background background_, letters_background_;  // last: their work ends before what it uses
};

template <class Work, class Then>
void LogSession::off_loop(Background& background, Work work, Then then) {
  background.run([this, work = std::move(work), then = std::move(then)] {
    try {
      auto result = work();
      loop_.post([then, result] { then(result); });
    } catch (const Refused& e) {
      loop_.post([this, why = std::string(e.what()), problem = e.problem] { not_leading(why, problem); });
    } catch (const Unavailable& e) {
      loop_.post([this, why = std::string(e.what())] { not_leading(why, std::string(problem::postgres_unreachable)); });
    } catch (...) {
      loop_.post([this, why = std::current_exception()] { fail(why); });
    }
  });
}

template <class Work>
void LogSession::reading(Work work) {
  try {
    work();
  } catch (const SessionOver& e) {
    fenced(e.what());
  } catch (const Unavailable& e) {
    not_leading(e.what(), std::string(problem::postgres_unreachable));
  } catch (...) {
    fail(std::current_exception());
  }
}

}  // namespace fraiseql
