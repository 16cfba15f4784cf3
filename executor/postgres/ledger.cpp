#include "executor/postgres/ledger.hpp"

#include <algorithm>
#include <utility>

namespace fraiseql {

Ledger::Ledger(Place start, std::int64_t cursor, std::uint64_t first) : place_(std::move(start)), cursor_(cursor), first_(first) {}

std::uint64_t Ledger::add(std::shared_ptr<const Place> window, std::int64_t pk, std::size_t bytes) {
  items_.push_back({pk, bytes, false, std::move(window), nullptr});
  open_bytes_ += bytes;
  return next() - 1;
}

void Ledger::end_window(Place next) {
  if (!items_.empty()) {
    items_.back().end = std::make_shared<const Place>(std::move(next));
  } else {
    place_ = std::move(next);
    window_.reset();
  }
}

bool Ledger::settle(std::uint64_t number) {
  if (number < first_ || number >= next()) return false;
  Item& item = items_[number - first_];
  if (std::exchange(item.settled, true)) return false;
  open_bytes_ -= item.bytes;
  advance();
  return true;
}

void Ledger::advance() {
  while (!items_.empty() && items_.front().settled) {
    Item& item = items_.front();
    cursor_ = std::max(cursor_, item.pk);
    pk_ = item.pk;
    if (item.end) {
      place_ = *item.end;
      window_.reset();
    } else {
      window_ = std::move(item.window);
    }
    items_.pop_front();
    ++first_;
  }
}

Place Ledger::prefix() const {
  if (!window_) return place_;
  Place place = *window_;
  place.last_pk = pk_;
  return place;
}

}  // namespace fraiseql
