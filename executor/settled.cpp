#include "executor/settled.hpp"

namespace fraiseql {

void Settled::add(std::uint64_t stream_seq, const std::string& event) {
  if (has(stream_seq, event)) return;
  const std::uint64_t number = next_++;
  entries_[stream_seq] = {event, number};
  order_.emplace_back(stream_seq, number);
  while (order_.size() > kept_) {
    const auto [oldest, its_number] = order_.front();
    order_.pop_front();
    const auto found = entries_.find(oldest);
    if (found != entries_.end() && found->second.number == its_number) entries_.erase(found);
  }
}

bool Settled::has(std::uint64_t stream_seq, const std::string& event) const {
  const auto found = entries_.find(stream_seq);
  return found != entries_.end() && found->second.event == event;
}

}  // namespace fraiseql
