#include "bridge/window.hpp"

#include <algorithm>

namespace fraiseql {

Window::Window(Way way, std::size_t max_rows, std::size_t max_bytes, StoredPrefix start)
    : way_(way), max_rows_(max_rows), max_bytes_(max_bytes), known_end_(start.stream_seq), prefix_(std::move(start)) {}

Window::Item& Window::put(std::shared_ptr<const Page> page, std::uint32_t row) {
  Item& item = items_.emplace_back();
  item.page = std::move(page);
  item.row = row;
  // A row that waits keeps its page in memory: it counts from the beginning.
  if (!item.mark() && !item.change().oversize) item.bytes = static_cast<std::uint32_t>(item.change().data_bytes);
  bytes_ += item.bytes;
  return item;
}

Window::Added Window::add(std::shared_ptr<const Page> page, std::uint32_t row) {
  Item& item = put(std::move(page), row);
  const std::uint64_t number = first_ + items_.size() - 1;
  if (way_ == Way::chain) return {number, true};  // a hole refuses everything behind it: order needs no waiting
  const std::string_view entity = item.change().entity_id;
  if (entity.empty()) return {number, true};
  item.ordered = true;
  auto& queue = entities_[entity];
  queue.push_back(number);
  return {number, queue.size() == 1};
}

void Window::add_stored(std::shared_ptr<const Page> page, std::uint32_t row, std::uint64_t seq) {
  Item& item = put(std::move(page), row);
  item.state = Item::State::stored;
  item.seq = seq;
}

void Window::add_mark(std::shared_ptr<const Page> page) {
  const auto row = static_cast<std::uint32_t>(page->rows.size());
  put(std::move(page), row).state = Item::State::stored;
}

Window::Item* Window::item(std::uint64_t number) {
  if (number < first_ || number >= first_ + items_.size()) return nullptr;
  return &items_[number - first_];
}

void Window::sent(std::uint64_t number, std::uint32_t bytes, bool asked, Time now) {
  Item& it = *item(number);
  it.state = Item::State::sent;
  bytes_ = bytes_ - it.bytes + bytes;
  it.bytes = bytes;
  it.asked = asked;
  it.sent_at = now;
  it.behind = known_end_;
  // A letter is always answered and vouches for itself only.
  if (!it.letter) newest_sent_ = std::max(newest_sent_, number);
  if (!asked) return;
  if (!it.letter) newest_asked_ = std::max(newest_asked_, number);
  asked_.push_back(number);
}

void Window::release(const Item& it, std::uint64_t number, std::vector<std::uint64_t>& released) {
  if (!it.ordered) return;
  const auto queue = entities_.find(it.change().entity_id);
  if (queue == entities_.end() || queue->second.front() != number) return;
  queue->second.pop_front();
  if (queue->second.empty()) {
    entities_.erase(queue);
    return;
  }
  // The key is a view into the page of the row that made it, which may go now: move it to the next row's.
  auto node = entities_.extract(queue);
  node.key() = item(node.mapped().front())->change().entity_id;
  released.push_back(node.mapped().front());
  entities_.insert(std::move(node));
}

void Window::stored(std::uint64_t number, std::uint64_t seq, std::vector<std::uint64_t>& released) {
  Item* it = item(number);
  if (!it || it->state == Item::State::stored) return;
  if (way_ == Way::chain && !it->letter) {
    // Each message was taken only behind the one before it: this answer speaks for all of them.
    for (std::uint64_t before = first_; before < number; ++before) {
      Item& earlier = *item(before);
      if (!earlier.letter && earlier.state == Item::State::sent) earlier.state = Item::State::stored;
    }
  }
  it->state = Item::State::stored;
  it->asked = false;
  // A letter stands in another stream.
  if (!it->letter) {
    it->seq = seq;
    known_end_ = std::max(known_end_, seq);
  }
  release(*it, number, released);
}

void Window::all_sent_stored() {
  for (Item& it : items_)
    if (!it.letter && it.state == Item::State::sent) it.state = Item::State::stored;
  newest_asked_ = newest_sent_;
}

std::optional<Window::Time> Window::oldest_asked() {
  while (!asked_.empty()) {
    const Item* it = item(asked_.front());
    if (it && it->state == Item::State::sent) return it->sent_at;
    asked_.pop_front();
  }
  return std::nullopt;
}

void Window::pop() {
  Item& it = items_.front();
  bytes_ -= it.bytes;
  if (it.mark()) {
    prefix_.place = it.page->next;
    last_page_.reset();
  } else {
    const ChangeRow& row = it.change();
    prefix_.place.last_pk = row.pk;
    prefix_.cursor = std::max(prefix_.cursor, row.pk);
    last_page_ = std::move(it.page);
    if (it.seq > prefix_.stream_seq) {
      prefix_.stream_seq = it.seq;
      prefix_.stream_msg_id = row.id;
    }
  }
  items_.pop_front();
  ++first_;
}

StoredPrefix Window::prefix(std::uint64_t outside) {
  if (last_page_) {
    prefix_.place.snapshot = last_page_->window.snapshot;
    prefix_.place.window_snapshot = last_page_->window.window_snapshot;
  }
  // Rows that were held back are stored behind later ones, which may be outside of the prefix. What is still to be sent will
  // stand behind all that is stored now.
  for (const Item& it : items_) {
    if (it.letter || it.state == Item::State::held) continue;
    // Without an answer it may stand right behind the last one that was known when it was sent.
    if (it.seq > 0) outside = std::min(outside, it.seq);
    else if (it.state == Item::State::sent) outside = std::min(outside, it.behind + 1);
  }
  prefix_.tail_seq = std::max(prefix_.tail_seq, std::min(outside - 1, prefix_.stream_seq));
  return prefix_;
}

}  // namespace fraiseql
