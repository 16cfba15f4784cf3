#include "executor/schedule.hpp"

#include <algorithm>
#include <limits>

namespace fraiseql {

void Schedule::enqueue(const std::string& host, std::uint64_t id) { hosts_[host].waiting.push_back(id); }

void Schedule::withdraw(const std::string& host, std::uint64_t id) {
  const auto found = hosts_.find(host);
  if (found != hosts_.end()) std::erase(found->second.waiting, id);
}

std::optional<Schedule::Start> Schedule::start(Time now) {
  auto next = hosts_.upper_bound(last_);
  for (std::size_t tried = 0; tried < hosts_.size(); ++tried, ++next) {
    if (next == hosts_.end()) next = hosts_.begin();
    Host& host = next->second;
    if (host.waiting.empty()) continue;
    const bool refused = open(host, now);
    if (!refused && (running_ >= max_concurrency_ || host.running >= max_per_host_)) continue;
    const std::uint64_t id = host.waiting.front();
    host.waiting.pop_front();
    last_ = next->first;
    if (refused) return Start{id, true};
    if (host.open_until) host.probing = true;  // the pause is over: this one finds out
    ++host.running;
    ++running_;
    return Start{id, false};
  }
  return std::nullopt;
}

void Schedule::finished(const std::string& name, Answer answer, Time now) {
  Host& host = hosts_[name];
  --host.running;
  --running_;
  if (answer == Answer::came) {
    host.failures = 0;
    host.open_until.reset();
    host.probing = false;
  } else if (answer == Answer::failed) {
    if (++host.failures >= failures_to_open && (!host.open_until || host.probing)) host.open_until = now + stays_open;
    host.probing = false;
  } else {
    host.probing = false;
  }
}

int room_in_bytes(std::size_t held, std::size_t usual) {
  constexpr std::size_t most = std::size_t{16} << 20;
  if (held >= most) return 0;
  return static_cast<int>(std::clamp<std::size_t>((most - held) / std::max<std::size_t>(usual, 1), 1, 1'000'000));
}

int Schedule::startable() const {
  int count = 0;
  // Where a host may have all slots, it is slots that its messages wait for.
  const int share = max_per_host_ < max_concurrency_ ? max_per_host_ : std::numeric_limits<int>::max();
  for (const auto& [name, host] : hosts_) count += std::min(static_cast<int>(host.waiting.size()), share - host.running);
  return std::max(count, 0);
}

}  // namespace fraiseql
