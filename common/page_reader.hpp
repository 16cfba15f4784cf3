#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "common/change_log.hpp"

namespace fraiseql {

/// Reads pages ahead in a thread of its own, so that PostgreSQL works while the messages of the page before are on their
/// way, and saves checkpoints between two pages. Uses the change log alone while it lives; ends its thread with itself.
class PageReader {
 public:
  struct Settings {
    int batch_size;                           ///< rows per page
    std::chrono::milliseconds poll_interval;  ///< longest pause while the log is quiet
    std::size_t max_data_bytes;               ///< rows whose data is longer come without it
    std::int64_t epoch;                       ///< of the session that reads: another one in the checkpoint ends it
  };
  /// `wake_fd` is an eventfd of the owner's loop: written when a page has come, a checkpoint is saved, or an error was met.
  /// `cursor` is the highest pk that is done, from which the first estimate of what waits is made.
  PageReader(ChangeLog& change_log, const Settings& settings, Place start, std::int64_t cursor, int wake_fd);
  ~PageReader();

  /// The next page; null: none yet. Throws what the thread met: Unavailable, SessionOver, ConfigError.
  std::shared_ptr<const Page> take();
  bool has_page() const;  ///< throws as take()

  /// Has it saved soon, with `remember` in the history too; a later one replaces it. Throws as take().
  void save(Checkpoint checkpoint, bool remember = false);
  bool saved() const;  ///< all that was handed over is saved; throws as take()
  Waiting waiting() const;  ///< newest estimate, at most two seconds old

 private:
  void run();
  void work();

  static constexpr std::size_t pages_ahead = 2;
  ChangeLog& change_log_;
  Settings settings_;
  Place place_;
  int wake_fd_, own_fd_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<const Page>> pages_;
  std::optional<Checkpoint> to_save_;
  bool remember_ = false;
  bool saving_ = false;
  std::int64_t cursor_;
  Waiting waiting_;
  std::exception_ptr failure_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace fraiseql
