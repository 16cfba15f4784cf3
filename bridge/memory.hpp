#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "common/event.hpp"

namespace fraiseql {

/// What a bridge process remembers from one session to the next. Everything else is rebuilt from the checkpoint.
struct BridgeMemory {
  /// Rows that the server refused, each for a reason of its own: the next session makes dead letters of them. By pk.
  std::map<std::int64_t, Unpublishable> condemned;
  /// Rows that the stream was found to hold already, before the tail that a session reads. pk -> sequence.
  std::map<std::int64_t, std::uint64_t> known_stored;
  std::deque<std::chrono::steady_clock::time_point> chain_breaks;
  bool others_publish = false;  ///< other publishers in the stream: no chain in this process
  bool ask_all = false;         ///< the chain broke: ask for every answer in the first window, to find a refused message
  std::uint64_t regression_seq = 0;  ///< the loss of this message has been counted, and not been got over; 0: none
  std::string went_back;             ///< what the stream had lost when the bridge last went back by itself; empty: never
  std::chrono::steady_clock::time_point went_back_at{};

  /// Notes a break of the chain; true when it is the third within a minute, and others_publish is set.
  bool chain_broke(std::chrono::steady_clock::time_point now) {
    ask_all = true;
    chain_breaks.push_back(now);
    while (chain_breaks.front() < now - std::chrono::minutes(1)) chain_breaks.pop_front();
    if (chain_breaks.size() < 3) return false;
    others_publish = true;
    return true;
  }
  /// All up to `pk` is settled.
  void forget_up_to(std::int64_t pk) {
    condemned.erase(condemned.begin(), condemned.upper_bound(pk));
    known_stored.erase(known_stored.begin(), known_stored.upper_bound(pk));
  }
};

}  // namespace fraiseql
