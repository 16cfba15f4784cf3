#include "common/page_reader.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace fraiseql {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t page_bytes = 8 << 20;

void wake(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(fd, &one, sizeof one);
}

void drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd, &count, sizeof count);
}

}  // namespace

PageReader::PageReader(ChangeLog& change_log, const Settings& settings, Place start, std::int64_t cursor, int wake_fd)
    : change_log_(change_log), settings_(settings), place_(std::move(start)), wake_fd_(wake_fd),
      own_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), cursor_(cursor), thread_([this] { run(); }) {}

PageReader::~PageReader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  wake(own_fd_);
  thread_.join();
  close(own_fd_);
}

std::shared_ptr<const Page> PageReader::take() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  if (pages_.empty()) return nullptr;
  auto page = std::move(pages_.front());
  pages_.pop_front();
  changed_.notify_all();
  return page;
}

bool PageReader::has_page() const {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return !pages_.empty();
}

void PageReader::save(Checkpoint checkpoint, bool remember) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    cursor_ = checkpoint.cursor;
    to_save_ = std::move(checkpoint);
    remember_ = remember_ || remember;
  }
  changed_.notify_all();
  wake(own_fd_);
}

bool PageReader::saved() const {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return !to_save_ && !saving_;
}

Waiting PageReader::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void PageReader::run() {
  try {
    work();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  wake(wake_fd_);
}

void PageReader::work() {
  auto estimated = std::chrono::steady_clock::time_point{};
  std::chrono::milliseconds pause = 1ms;
  while (true) {
    std::optional<Checkpoint> checkpoint;
    bool remember = false;
    {
      std::unique_lock lock(mutex_);
      // The server ends a session that says nothing for ten seconds: a full queue must not be silence.
      changed_.wait_for(lock, 2s, [this] { return stop_ || to_save_ || pages_.size() < pages_ahead; });
      if (stop_ && !to_save_) return;
      checkpoint = std::exchange(to_save_, std::nullopt);
      if (checkpoint) remember = std::exchange(remember_, false);
      saving_ = checkpoint.has_value();
    }
    if (checkpoint) {
      change_log_.save_checkpoint(*checkpoint, remember);
      const std::lock_guard lock(mutex_);
      saving_ = false;
      wake(wake_fd_);
      if (stop_) continue;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - estimated > 1s) {
      std::int64_t cursor;
      {
        const std::lock_guard lock(mutex_);
        cursor = cursor_;
      }
      change_log_.confirm_epoch(settings_.epoch);  // a rewind does not wait for the next save
      const Waiting waiting = change_log_.waiting_after(cursor);
      estimated = now;
      const std::lock_guard lock(mutex_);
      waiting_ = waiting;
    }
    bool full;
    {
      const std::lock_guard lock(mutex_);
      full = pages_.size() >= pages_ahead;
    }
    if (full) {
      change_log_.touch();
      continue;
    }
    auto page = std::make_shared<Page>(change_log_.page_after(place_, settings_.batch_size, page_bytes, settings_.max_data_bytes));
    place_ = page->next;
    if (!page->rows.empty()) {
      pause = 1ms;
      const std::lock_guard lock(mutex_);
      pages_.push_back(std::move(page));
      wake(wake_fd_);
      continue;
    }
    // An empty page still moves the place: hand it on when its window has closed, so that the checkpoint follows.
    if (page->window_done) {
      const std::lock_guard lock(mutex_);
      if (pages_.size() < pages_ahead) pages_.push_back(std::move(page));
      wake(wake_fd_);
    }
    drain(own_fd_);
    bool asked;
    {
      const std::lock_guard lock(mutex_);
      asked = stop_ || to_save_;
    }
    // A notification is a hint: it ends the pause early. Nothing depends on it.
    if (!asked && change_log_.wait(pause, own_fd_)) pause = 1ms;
    else pause = std::min<std::chrono::milliseconds>(pause * 2, settings_.poll_interval);
  }
}

}  // namespace fraiseql
