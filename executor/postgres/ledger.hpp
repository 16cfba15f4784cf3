#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "common/change_log.hpp"

namespace fraiseql {

/// The changes that were taken from the log and are not yet all settled, in the order in which they were read; and how far
/// the settled prefix reaches, which is what a checkpoint may say. Pure.
class Ledger {
 public:
  /// `first`: number of the first change; numbers grow by one and are never used twice in a process.
  Ledger(Place start, std::int64_t cursor, std::uint64_t first);

  struct Item {
    std::int64_t pk = 0;
    std::size_t bytes = 0;
    bool settled = false;
    std::shared_ptr<const Place> window;  ///< snapshots that it was read under
    std::shared_ptr<const Place> end;     ///< it was the last of its window: the place after that
  };
  /// Takes a change in and returns its number.
  std::uint64_t add(std::shared_ptr<const Place> window, std::int64_t pk, std::size_t bytes);
  /// The window of the last change has no more.
  void end_window(Place next);
  /// False: the number is none of this ledger's, or was settled before.
  bool settle(std::uint64_t number);

  Place prefix() const;
  std::int64_t cursor() const { return cursor_; }               ///< highest pk of the prefix
  std::uint64_t next() const { return first_ + items_.size(); }  ///< number of the next change
  std::uint64_t first_open() const { return first_; }            ///< number of the first change that is not in the prefix
  std::size_t open_bytes() const { return open_bytes_; }         ///< of the changes that are not settled

  /// What stands beyond the prefix, by number from first_open() on.
  const std::deque<Item>& beyond() const { return items_; }

 private:
  void advance();

  Place place_;  ///< when no change has moved it
  std::shared_ptr<const Place> window_;
  std::int64_t pk_ = 0, cursor_;
  std::uint64_t first_;
  std::size_t open_bytes_ = 0;
  std::deque<Item> items_;
};

}  // namespace fraiseql
