#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/change_log.hpp"

namespace fraiseql {

/// How storing is made sure (design: "Publishing"). chain: each message names the sequence before it, an answer vouches
/// for all before it. single: each message is answered.
enum class Way { chain, single };

/// Up to which place everything is stored, and the message that proves it.
struct StoredPrefix {
  Place place;
  std::int64_t cursor = 0;      ///< highest pk stored
  std::uint64_t stream_seq = 0; ///< of its last message in the stream: while that stands there, none of them is lost; 0: none yet
  std::string stream_msg_id;
  std::uint64_t tail_seq = 0;   ///< every message of ours up to it belongs to the prefix
};

/// The rows that are under way: sent or waiting to be sent, and not yet all known to be stored. Bookkeeping only: what to
/// send, which answer belongs to what, how far the stored prefix reaches. Rows have numbers that grow by one.
class Window {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Item {
    enum class State : std::uint8_t { held, sent, stored };
    std::shared_ptr<const Page> page;
    std::uint32_t row = 0;        ///< index in the page; the page's size: the mark after its last row
    State state = State::held;
    bool letter = false;          ///< goes to the dead letter stream
    bool asked = false;           ///< an answer is awaited
    bool ordered = false;         ///< its entity has an order
    std::uint32_t bytes = 0;      ///< that it counts for: its data, then its message
    std::uint64_t seq = 0;        ///< in the stream; in the chain known when it is sent
    std::uint64_t behind = 0;     ///< single: sent when the stream was known to reach this far, so it stands behind it
    Time sent_at{};
    const ChangeRow& change() const { return page->rows[row]; }
    bool mark() const { return row == page->rows.size(); }
  };

  Window(Way way, std::size_t max_rows, std::size_t max_bytes, StoredPrefix start);

  bool room() const { return items_.size() < max_rows_ && bytes_ < max_bytes_; }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }

  /// Takes a row in. Returns its number, and whether it may be sent now: a row whose entity has an earlier one under way
  /// is held back in the single way until that one is stored.
  struct Added {
    std::uint64_t number;
    bool send;
  };
  Added add(std::shared_ptr<const Page> page, std::uint32_t row);
  /// A row that the stream is known to hold already at `seq`.
  void add_stored(std::shared_ptr<const Page> page, std::uint32_t row, std::uint64_t seq);
  void add_mark(std::shared_ptr<const Page> page);  ///< after the last row of a page

  Item* item(std::uint64_t number);  ///< nullptr: settled long ago
  void sent(std::uint64_t number, std::uint32_t bytes, bool asked, Time now);
  /// The message of `number` is stored at `seq`; in the chain all before it too. Appends to `released` those that may be sent now.
  void stored(std::uint64_t number, std::uint64_t seq, std::vector<std::uint64_t>& released);

  /// Chain only: the stream was seen to hold the last message sent, and so all of them.
  void all_sent_stored();

  /// The oldest answer awaited was asked for at this time; nullopt: none awaited.
  std::optional<Time> oldest_asked();
  /// Something was sent behind the newest message that asked for an answer.
  bool unvouched() const { return newest_sent_ > newest_asked_; }
  std::uint64_t newest_sent() const { return newest_sent_; }  ///< number of the message, letters apart

  /// Called for each row that has joined the prefix, in order.
  template <class Visit>
  void advance(Visit visit) {
    while (!items_.empty() && items_.front().state == Item::State::stored) {
      visit(items_.front());
      pop();
    }
  }
  /// What is known to be stored without a gap. `outside`: the lowest sequence of messages of ours that are not in it and not
  /// under way either.
  StoredPrefix prefix(std::uint64_t outside = UINT64_MAX);

 private:
  Item& put(std::shared_ptr<const Page> page, std::uint32_t row);
  void pop();
  void release(const Item& item, std::uint64_t number, std::vector<std::uint64_t>& released);

  Way way_;
  std::size_t max_rows_, max_bytes_, bytes_ = 0;
  std::deque<Item> items_;
  std::uint64_t first_ = 1;  ///< number of the front
  std::uint64_t newest_sent_ = 0, newest_asked_ = 0;
  std::uint64_t known_end_;  ///< highest sequence that an answer told
  std::deque<std::uint64_t> asked_;
  std::unordered_map<std::string_view, std::deque<std::uint64_t>> entities_;  ///< rows under way by entity id, single way only
  StoredPrefix prefix_;
  std::shared_ptr<const Page> last_page_;  ///< of the newest row in the prefix
};

}  // namespace fraiseql
