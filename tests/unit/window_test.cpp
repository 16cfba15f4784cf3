#include "bridge/window.hpp"

#include <boost/test/unit_test.hpp>

#include "bridge/memory.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  std::shared_ptr<Page> page = std::make_shared<Page>();
  std::vector<std::uint64_t> released;
  Window::Time now{};
  // Texts that the rows look at, as a page's storage would hold them.
  std::vector<std::string> ids;

  /// A page of rows with these entities; pk 10, 20, ... in the window S1 to S2.
  explicit Fixture(std::vector<std::string_view> entities = {"a", "b", "a", "c"}) {
    ids.reserve(entities.size());
    for (std::size_t i = 0; i < entities.size(); ++i) {
      ids.push_back("0190aaaa-bbbb-7ccc-8ddd-00000000000" + std::to_string(i));
      ChangeRow row;
      row.pk = static_cast<std::int64_t>(i + 1) * 10;
      row.id = ids.back();
      row.entity_id = entities[i];
      page->rows.push_back(row);
    }
    page->window = {"S1", "S2", 0};
    page->next = {"S2", "", 0};
    page->window_done = true;
  }
  std::uint64_t send(Window& window, std::uint32_t row, std::uint64_t seq, bool asked) {
    const auto added = window.add(page, row);
    if (added.send) {
      window.item(added.number)->seq = seq;
      window.sent(added.number, 100, asked, now);
    }
    return added.number;
  }
  std::vector<std::int64_t> advance(Window& window) {
    std::vector<std::int64_t> joined;
    window.advance([&](const Window::Item& item) { joined.push_back(item.mark() ? 0 : item.change().pk); });
    return joined;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(publish_window, Fixture)

BOOST_AUTO_TEST_CASE(in_the_chain_an_answer_vouches_for_all_before_it) {
  Window window(Way::chain, 100, 1 << 20, {});
  for (std::uint32_t row = 0; row < 4; ++row) send(window, row, row + 1, row == 2);
  BOOST_TEST(advance(window).empty());
  window.stored(3, 3, released);
  BOOST_TEST(advance(window) == (std::vector<std::int64_t>{10, 20, 30}), boost::test_tools::per_element());
  BOOST_TEST(window.unvouched());
  const StoredPrefix prefix = window.prefix();
  BOOST_TEST(prefix.place.snapshot == "S1");
  BOOST_TEST(prefix.place.window_snapshot == "S2");
  BOOST_TEST(prefix.place.last_pk == 30);
  BOOST_TEST(prefix.stream_seq == 3u);
  BOOST_TEST(prefix.stream_msg_id == page->rows[2].id);
}

BOOST_AUTO_TEST_CASE(a_single_row_waits_for_the_one_before_it_of_the_same_entity) {
  Window window(Way::single, 100, 1 << 20, {});
  BOOST_TEST(window.add(page, 0).send);
  window.sent(1, 100, true, now);
  BOOST_TEST(window.add(page, 1).send);
  window.sent(2, 100, true, now);
  BOOST_TEST(!window.add(page, 2).send);
  BOOST_TEST(window.add(page, 3).send);
  window.sent(4, 100, true, now);
  window.stored(2, 2, released);
  BOOST_TEST(released.empty());
  window.stored(1, 1, released);
  BOOST_TEST(released == std::vector<std::uint64_t>{3}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_prefix_ends_before_the_first_row_that_is_not_known_to_be_stored) {
  Window window(Way::single, 100, 1 << 20, {});
  for (const std::uint32_t row : {0u, 1u, 3u}) send(window, row, 0, true);
  window.stored(3, 3, released);
  window.stored(2, 2, released);
  BOOST_TEST(advance(window).empty());
  BOOST_TEST(window.prefix().stream_seq == 0u);
  window.stored(1, 1, released);
  BOOST_TEST(advance(window).size() == 3u);
  BOOST_TEST(window.prefix().stream_seq == 3u);
}

BOOST_AUTO_TEST_CASE(no_message_outside_of_the_prefix_stands_before_its_sequence) {
  // Row 3 (entity a) waits for row 1 and is stored behind row 4: the tail must still begin before row 4 while row 4 is not in the prefix.
  Window window(Way::single, 100, 1 << 20, {});
  send(window, 0, 0, true);
  send(window, 1, 0, true);
  BOOST_TEST(!window.add(page, 2).send);
  send(window, 3, 0, true);
  window.stored(1, 1, released);
  window.stored(4, 3, released);
  advance(window);
  window.sent(3, 100, true, now);
  window.stored(3, 4, released);
  // Row 2 is still out: the prefix is row 1 alone, and sequence 3 belongs to row 4.
  BOOST_TEST(window.prefix().stream_seq == 1u);
  window.stored(2, 2, released);
  advance(window);
  BOOST_TEST(window.prefix().stream_seq == 4u);
  BOOST_TEST(window.empty());
}

BOOST_AUTO_TEST_CASE(a_mark_closes_its_window) {
  Window window(Way::chain, 100, 1 << 20, {});
  send(window, 0, 1, true);
  window.add_mark(page);
  window.stored(1, 1, released);
  BOOST_TEST(advance(window) == (std::vector<std::int64_t>{10, 0}), boost::test_tools::per_element());
  BOOST_TEST(window.prefix().place.snapshot == "S2");
  BOOST_TEST(window.prefix().place.window_snapshot == "");
}

BOOST_AUTO_TEST_CASE(a_letter_vouches_for_itself_only) {
  Window window(Way::chain, 100, 1 << 20, {});
  send(window, 0, 1, false);
  const auto letter = window.add(page, 1).number;
  window.item(letter)->letter = true;
  window.sent(letter, 100, true, now);
  window.stored(letter, 99, released);
  BOOST_TEST(advance(window).empty());
  window.all_sent_stored();
  BOOST_TEST(advance(window).size() == 2u);
  BOOST_TEST(window.prefix().stream_seq == 1u);
}

BOOST_AUTO_TEST_CASE(the_window_is_bounded_by_rows_and_by_bytes) {
  Window rows(Way::chain, 2, 1 << 20, {});
  send(rows, 0, 1, true);
  BOOST_TEST(rows.room());
  send(rows, 1, 2, true);
  BOOST_TEST(!rows.room());
  Window bytes(Way::chain, 100, 150, {});
  send(bytes, 0, 1, true);
  BOOST_TEST(bytes.room());
  send(bytes, 1, 2, true);
  BOOST_TEST(!bytes.room());
}

BOOST_AUTO_TEST_CASE(the_oldest_answer_awaited_is_known) {
  Window window(Way::single, 100, 1 << 20, {});
  send(window, 0, 0, true);
  now += 1s;
  send(window, 1, 0, true);
  BOOST_TEST((window.oldest_asked() == Window::Time{}));
  window.stored(1, 1, released);
  BOOST_TEST((window.oldest_asked() == Window::Time{} + 1s));
  window.stored(2, 2, released);
  BOOST_TEST(!window.oldest_asked().has_value());
}

BOOST_AUTO_TEST_CASE(three_breaks_of_the_chain_within_a_minute_mean_other_publishers) {
  BridgeMemory memory;
  BOOST_TEST(!memory.chain_broke(now));
  BOOST_TEST(!memory.chain_broke(now + 50s));
  BOOST_TEST(!memory.chain_broke(now + 70s));
  BOOST_TEST(!memory.others_publish);
  BOOST_TEST(memory.chain_broke(now + 80s));
  BOOST_TEST(memory.others_publish);
}

BOOST_AUTO_TEST_SUITE_END()
