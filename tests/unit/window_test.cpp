#include "bridge/window.hpp"

#include <boost/test/unit_test.hpp>
#include <list>
#include <map>
#include <random>
#include <string>

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

using Numbers = std::vector<std::uint64_t>;
const Window::Time t0 = Window::Time{} + 1h;

/// Pages whose texts live as long as the test.
struct Pages {
  std::list<std::string> texts;
  std::int64_t pk = 0;

  std::shared_ptr<Page> page(const std::vector<std::string>& entities, const std::string& window = "2", std::int64_t bytes = 10) {
    auto made = std::make_shared<Page>();
    for (const auto& entity : entities) {
      ChangeRow row;
      row.pk = ++pk;
      row.id = texts.emplace_back(id_of(row.pk));
      row.entity = "Order";
      row.verb = "UPDATE";
      row.data_bytes = bytes;
      if (!entity.empty()) row.entity_id = texts.emplace_back(entity);
      made->rows.push_back(row);
    }
    made->window = {"1:1:", window + ":" + window + ":", 0};
    made->next = {window + ":" + window + ":", "", 0};
    return made;
  }
  static std::string id_of(std::int64_t pk) {
    char text[64];
    std::snprintf(text, sizeof text, "00000000-0000-0000-0000-%012lld", static_cast<long long>(pk));
    return text;
  }
};

Window window(Way way, std::size_t rows = 100, std::size_t bytes = 1 << 20) { return Window(way, rows, bytes, {}); }

int joined(Window& w) {
  int count = 0;
  w.advance([&](const Window::Item&) { ++count; });
  return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(window_of_rows)

BOOST_AUTO_TEST_CASE(in_the_chain_one_answer_speaks_for_all_before_it) {
  Pages pages;
  Window w = window(Way::chain);
  const auto page = pages.page({"a", "a", "b", "a"});
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto added = w.add(page, i);
    BOOST_TEST(added.number == i + 1);
    BOOST_TEST(added.send);
    w.item(added.number)->seq = 100 + i;
    w.sent(added.number, 10, i == 2, t0);
  }
  BOOST_TEST(w.unvouched());
  BOOST_TEST(joined(w) == 0);
  Numbers released;
  w.stored(3, 102, released);
  BOOST_TEST(released.empty());
  BOOST_TEST(joined(w) == 3);
  const StoredPrefix prefix = w.prefix();
  BOOST_TEST(prefix.place.last_pk == 3);
  BOOST_TEST(prefix.place.snapshot == "1:1:");
  BOOST_TEST(prefix.place.window_snapshot == "2:2:");
  BOOST_TEST(prefix.cursor == 3);
  BOOST_TEST(prefix.stream_seq == 102u);
  BOOST_TEST(prefix.stream_msg_id == Pages::id_of(3));
  BOOST_TEST(w.unvouched());
  w.all_sent_stored();
  BOOST_TEST(!w.unvouched());
  BOOST_TEST(joined(w) == 1);
  BOOST_TEST(w.prefix().stream_seq == 103u);
}

BOOST_AUTO_TEST_CASE(alone_rows_of_one_entity_go_one_after_the_other) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a", "b", "a", "", "", "a"});
  const bool may_go[] = {true, true, false, true, true, false};
  for (std::uint32_t i = 0; i < 6; ++i) {
    const auto added = w.add(page, i);
    BOOST_TEST(added.send == may_go[i]);
    if (added.send) w.sent(added.number, 10, true, t0);
  }
  Numbers released;
  w.stored(2, 2, released);
  BOOST_TEST(released.empty());
  w.stored(1, 1, released);
  BOOST_TEST(released == Numbers{3}, boost::test_tools::per_element());
  w.sent(3, 10, true, t0);
  BOOST_TEST(joined(w) == 2);  // their page's texts are the keys of the entity that still waits
  released.clear();
  w.stored(3, 5, released);
  BOOST_TEST(released == Numbers{6}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_page_of_the_first_row_may_go_while_later_rows_of_its_entity_wait) {
  Window w = window(Way::single);
  Pages later;
  later.pk = 1;
  const auto second = later.page({"an entity id that is too long for a small string"});
  {
    Pages early;
    const auto first = early.page({"an entity id that is too long for a small string"});
    w.sent(w.add(first, 0).number, 10, true, t0);
    BOOST_TEST(!w.add(second, 0).send);
    Numbers released;
    w.stored(1, 1, released);
    BOOST_TEST(released == Numbers{2}, boost::test_tools::per_element());
    BOOST_TEST(joined(w) == 1);
  }
  const auto third = later.page({"an entity id that is too long for a small string"});
  BOOST_TEST(!w.add(third, 0).send);
}

BOOST_AUTO_TEST_CASE(the_prefix_waits_for_its_first_missing_answer) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a", "b", "c"});
  for (std::uint32_t i = 0; i < 3; ++i) w.sent(w.add(page, i).number, 10, true, t0);
  Numbers released;
  w.stored(3, 13, released);
  w.stored(2, 12, released);
  BOOST_TEST(joined(w) == 0);
  BOOST_TEST(w.prefix().cursor == 0);
  BOOST_TEST(w.prefix().stream_seq == 0u);
  w.stored(1, 11, released);
  BOOST_TEST(joined(w) == 3);
  BOOST_TEST(w.prefix().cursor == 3);
  BOOST_TEST(w.prefix().stream_seq == 13u);
}

BOOST_AUTO_TEST_CASE(the_tail_begins_below_every_message_outside_of_the_prefix) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a", "a", "b", "c"});
  w.sent(w.add(page, 0).number, 10, true, t0);
  BOOST_TEST(!w.add(page, 1).send);
  w.sent(w.add(page, 2).number, 10, true, t0);
  w.sent(w.add(page, 3).number, 10, true, t0);
  Numbers released;
  w.stored(1, 11, released);
  w.sent(2, 10, true, t0);
  w.stored(4, 13, released);
  w.stored(2, 14, released);  // row 3 stands at 12, and its answer is still under way
  BOOST_TEST(joined(w) == 2);
  BOOST_TEST(w.prefix().cursor == 2);
  BOOST_TEST(w.prefix().tail_seq == 0u);  // not 14: row 3 was sent before anything was known, so it may stand anywhere
  BOOST_TEST(w.prefix().stream_seq == 14u);  // without that message row 2 is lost
  BOOST_TEST(w.prefix().stream_msg_id == Pages::id_of(2));
  w.stored(3, 12, released);
  BOOST_TEST(joined(w) == 2);
  BOOST_TEST(w.prefix().tail_seq == 14u);
  BOOST_TEST(w.prefix().stream_seq == 14u);
}

BOOST_AUTO_TEST_CASE(a_message_without_its_answer_may_stand_right_behind_the_last_one_known) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a", "a", "b"});
  w.sent(w.add(page, 0).number, 10, true, t0);
  w.add(page, 1);
  Numbers released;
  w.stored(1, 11, released);
  w.sent(w.add(page, 2).number, 10, true, t0);
  w.sent(2, 10, true, t0);
  w.stored(2, 13, released);  // 12 is row 3, whose answer was lost
  BOOST_TEST(joined(w) == 2);
  BOOST_TEST(w.prefix().tail_seq == 11u);
  BOOST_TEST(w.prefix().stream_seq == 13u);
}

BOOST_AUTO_TEST_CASE(a_mark_closes_the_window_only_behind_its_rows) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a"});
  w.sent(w.add(page, 0).number, 10, true, t0);
  w.add_mark(page);
  BOOST_TEST(joined(w) == 0);
  Numbers released;
  w.stored(1, 1, released);
  BOOST_TEST(joined(w) == 2);
  const StoredPrefix prefix = w.prefix();
  BOOST_TEST(prefix.place.snapshot == "2:2:");
  BOOST_TEST(prefix.place.window_snapshot == "");
  BOOST_TEST(prefix.place.last_pk == 0);
  BOOST_TEST(prefix.cursor == 1);
  w.add_mark(pages.page({}, "3"));
  BOOST_TEST(joined(w) == 1);
  BOOST_TEST(w.prefix().place.snapshot == "3:3:");
  BOOST_TEST(w.empty());
}

BOOST_AUTO_TEST_CASE(a_letter_vouches_only_for_itself_and_its_sequence_is_not_the_streams) {
  for (const Way way : {Way::chain, Way::single}) {
    Pages pages;
    Window w = window(way);
    const auto page = pages.page({"a", "b"});
    w.item(w.add(page, 0).number)->seq = way == Way::chain ? 1 : 0;
    w.sent(1, 10, way == Way::single, t0);
    w.item(w.add(page, 1).number)->letter = true;
    w.sent(2, 10, true, t0);
    Numbers released;
    w.stored(2, 77, released);
    BOOST_TEST(joined(w) == 0);
    w.stored(1, 1, released);
    BOOST_TEST(joined(w) == 2);
    BOOST_TEST(w.prefix().cursor == 2);
    BOOST_TEST(w.prefix().stream_seq == 1u);
    BOOST_TEST(w.prefix().stream_msg_id == Pages::id_of(1));
  }
}

BOOST_AUTO_TEST_CASE(in_the_chain_an_answer_does_not_speak_for_a_letter_before_it) {
  Pages pages;
  Window w = window(Way::chain);
  const auto page = pages.page({"a", "b"});
  w.item(w.add(page, 0).number)->letter = true;
  w.sent(1, 10, true, t0);
  w.item(w.add(page, 1).number)->seq = 1;
  w.sent(2, 10, true, t0);
  Numbers released;
  w.stored(2, 1, released);
  BOOST_TEST(joined(w) == 0);
  BOOST_TEST((w.oldest_asked() == t0));
  w.stored(1, 1, released);
  BOOST_TEST(joined(w) == 2);
  BOOST_TEST(!w.oldest_asked());
}

BOOST_AUTO_TEST_CASE(a_letter_lets_the_next_row_of_its_entity_go) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a", "a"});
  w.item(w.add(page, 0).number)->letter = true;
  w.sent(1, 10, true, t0);
  BOOST_TEST(!w.add(page, 1).send);
  Numbers released;
  w.stored(1, 4, released);
  BOOST_TEST(released == Numbers{2}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rows_that_the_stream_has_already_are_skipped_in_their_turn) {
  Pages pages;
  Window w = window(Way::chain);
  const auto page = pages.page({"a", "b", "c"});
  w.add_stored(page, 0, 5);
  w.item(w.add(page, 1).number)->seq = 9;
  w.sent(2, 10, true, t0);
  w.add_stored(page, 2, 8);
  BOOST_TEST(joined(w) == 1);
  BOOST_TEST(w.prefix(3).tail_seq == 2u);  // a row that no page has brought yet stands at 3
  BOOST_TEST(w.prefix().stream_seq == 5u);
  BOOST_TEST(w.prefix().tail_seq == 5u);
  Numbers released;
  w.stored(2, 9, released);
  BOOST_TEST(joined(w) == 2);
  BOOST_TEST(w.prefix().stream_seq == 9u);
  BOOST_TEST(w.prefix().tail_seq == 9u);
  BOOST_TEST(w.prefix().cursor == 3);
}

BOOST_AUTO_TEST_CASE(the_window_is_full_by_rows_or_by_bytes) {
  Pages pages;
  Window rows = window(Way::chain, 2);
  const auto page = pages.page({"a", "b"});
  rows.add(page, 0);
  BOOST_TEST(rows.room());
  rows.add(page, 1);
  BOOST_TEST(!rows.room());
  Window bytes = window(Way::chain, 100, 100);
  bytes.sent(bytes.add(page, 0).number, 99, true, t0);
  BOOST_TEST(bytes.room());
  bytes.sent(bytes.add(page, 1).number, 1, true, t0);
  BOOST_TEST(!bytes.room());
  Numbers released;
  bytes.stored(2, 2, released);
  joined(bytes);
  BOOST_TEST(bytes.room());
}

BOOST_AUTO_TEST_CASE(rows_that_wait_for_their_entity_count_by_their_bytes_too) {
  Pages pages;
  Window w = window(Way::single, 100, 1000);
  const auto page = pages.page({"a", "a", "a"}, "2", 400);
  w.sent(w.add(page, 0).number, 450, true, t0);
  w.add(page, 1);
  BOOST_TEST(w.room());
  w.add(page, 2);
  BOOST_TEST(!w.room());
  Numbers released;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    if (number > 1) w.sent(number, 450, true, t0);
    w.stored(number, number, released);
  }
  BOOST_TEST(joined(w) == 3);
  BOOST_TEST(w.empty());
  BOOST_TEST(w.room());
  const auto more = pages.page({"b", "c"}, "2", 0);
  w.sent(w.add(more, 0).number, 999, true, t0);
  BOOST_TEST(w.room());  // nothing is left of those before
  w.sent(w.add(more, 1).number, 1, true, t0);
  BOOST_TEST(!w.room());
}

BOOST_AUTO_TEST_CASE(the_oldest_answer_awaited_is_known) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a", "b", "c"});
  BOOST_TEST(!w.oldest_asked());
  for (std::uint32_t i = 0; i < 3; ++i) w.sent(w.add(page, i).number, 10, true, t0 + i * 1s);
  BOOST_TEST((*w.oldest_asked() == t0));
  Numbers released;
  w.stored(2, 2, released);
  BOOST_TEST((*w.oldest_asked() == t0));
  w.stored(1, 1, released);
  BOOST_TEST((*w.oldest_asked() == t0 + 2s));
  joined(w);
  BOOST_TEST((*w.oldest_asked() == t0 + 2s));
  w.stored(3, 3, released);
  BOOST_TEST(!w.oldest_asked());
}

BOOST_AUTO_TEST_CASE(a_second_answer_and_an_answer_from_long_ago_change_nothing) {
  Pages pages;
  Window w = window(Way::single);
  const auto page = pages.page({"a", "a", "a"});
  for (std::uint32_t i = 0; i < 3; ++i)
    if (const auto added = w.add(page, i); added.send) w.sent(added.number, 10, true, t0);
  Numbers released;
  w.stored(1, 1, released);
  w.stored(1, 1, released);
  BOOST_TEST(released == Numbers{2}, boost::test_tools::per_element());
  joined(w);
  w.stored(1, 1, released);
  w.stored(999, 1, released);
  BOOST_TEST(released.size() == 1u);
  BOOST_TEST(w.item(1) == nullptr);
  BOOST_TEST(w.item(999) == nullptr);
}

// A stream that stores what is sent in any order, answers in any order, and a kill at any moment: the tail behind the
// sequence noted must hold every message that the place noted does not cover.
BOOST_AUTO_TEST_CASE(what_place_and_sequence_say_together_never_forgets_a_stored_message) {
  const unsigned seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::minstd_rand dice(seed);
  for (int round = 0; round < 300; ++round) {
    Pages pages;
    Window w = window(Way::single, 50);
    std::vector<std::string> entities;
    for (int i = 0; i < 200; ++i) entities.push_back(dice() % 4 == 0 ? "" : std::string(1, static_cast<char>('a' + dice() % 5)));
    const auto page = pages.page(entities);
    std::map<std::uint64_t, std::int64_t> stream;      // sequence -> pk
    std::vector<std::pair<std::uint64_t, std::uint64_t>> answers;  // number, sequence: not yet taken
    std::map<std::string, std::int64_t> last_of;
    const auto send = [&](std::uint64_t number) {
      w.sent(number, 10, true, t0);
      const ChangeRow& row = w.item(number)->change();
      stream[stream.size() + 1] = row.pk;
      if (row.entity_id.data()) {
        auto& last = last_of[std::string(row.entity_id)];
        BOOST_REQUIRE(row.pk > last);
        last = row.pk;
      }
      answers.emplace_back(number, stream.size());
    };
    std::uint32_t next = 0;
    while (next < 200 || !w.empty()) {
      if (next < 200 && w.room() && dice() % 2) {
        if (const auto added = w.add(page, next++); added.send) send(added.number);
      } else if (!answers.empty()) {
        const std::size_t which = dice() % answers.size();
        const auto [number, seq] = answers[which];
        answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(which));
        Numbers released;
        w.stored(number, seq, released);
        for (const auto other : released) send(other);
      }
      joined(w);
      const StoredPrefix prefix = w.prefix();
      for (const auto& [seq, pk] : stream) BOOST_REQUIRE(pk <= prefix.place.last_pk ? seq <= prefix.stream_seq : seq > prefix.tail_seq);
      if (prefix.stream_seq > 0) BOOST_REQUIRE(Pages::id_of(stream[prefix.stream_seq]) == prefix.stream_msg_id);
    }
    BOOST_REQUIRE(stream.size() == 200u);
    BOOST_REQUIRE(w.prefix().tail_seq == 200u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
