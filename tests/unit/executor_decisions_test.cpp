#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "executor/entity_order.hpp"
#include "executor/outcome.hpp"
#include "executor/retry.hpp"
#include "executor/schedule.hpp"
#include "executor/settle.hpp"
#include "executor/settled.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

RetryPolicy policy(RetryPolicy::Backoff backoff) {
  RetryPolicy made;
  made.max_attempts = 10;
  made.backoff = backoff;
  made.initial_delay = 100ms;
  made.max_delay = 1000ms;
  return made;
}

Outcome status(int code) {
  Outcome outcome;
  outcome.http_status = code;
  outcome.failure = failure_of_status(code);
  return outcome;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retry)

BOOST_DATA_TEST_CASE(an_exponential_pause_doubles_up_to_the_longest,
                     data::make({1u, 2u, 3u, 4u, 5u, 9u}) ^ data::make({100, 200, 400, 800, 1000, 1000}), attempt, expected_ms) {
  BOOST_TEST(next_delay(policy(RetryPolicy::Backoff::exponential), attempt, 0.0)->count() == expected_ms);
}

BOOST_AUTO_TEST_CASE(jitter_shortens_an_exponential_pause_by_up_to_a_quarter) {
  BOOST_TEST(next_delay(policy(RetryPolicy::Backoff::exponential), 2, 1.0)->count() == 150);
}

BOOST_AUTO_TEST_CASE(linear_and_fixed_pauses) {
  BOOST_TEST(next_delay(policy(RetryPolicy::Backoff::linear), 3, 1.0)->count() == 300);
  BOOST_TEST(next_delay(policy(RetryPolicy::Backoff::linear), 9, 0.0)->count() == 900);
  BOOST_TEST(next_delay(policy(RetryPolicy::Backoff::fixed), 7, 1.0)->count() == 100);
}

BOOST_AUTO_TEST_CASE(the_first_try_counts_among_the_tries) {
  RetryPolicy once;
  once.max_attempts = 1;
  BOOST_TEST(!next_delay(once, 1, 0.0));
  once.max_attempts = 2;
  BOOST_TEST(next_delay(once, 1, 0.0).has_value());
  BOOST_TEST(!next_delay(once, 2, 0.0));
}

BOOST_AUTO_TEST_CASE(a_huge_number_of_tries_does_not_overflow) {
  RetryPolicy many = policy(RetryPolicy::Backoff::exponential);
  many.max_attempts = 1'000'000;
  BOOST_TEST(next_delay(many, 999'999, 0.0)->count() == 1000);
}

BOOST_DATA_TEST_CASE(what_is_tried_again_after_a_status,
                     data::make({200, 204, 302, 400, 401, 404, 408, 410, 422, 429, 500, 503, 599}) ^
                         data::make({false, false, false, false, false, false, true, false, false, true, true, true, true}),
                     code, again) {
  BOOST_TEST(worth_retrying(status(code)) == again);
}

BOOST_AUTO_TEST_CASE(network_errors_and_timeouts_are_tried_again_and_refusals_are_not) {
  for (const Failure failure : {Failure::network, Failure::timeout, Failure::circuit_open})
    BOOST_TEST(worth_retrying({failure, 0, "", {}}));
  for (const Failure failure : {Failure::tls, Failure::refused_address, Failure::undecodable})
    BOOST_TEST(!worth_retrying({failure, 0, "", {}}));
}

BOOST_AUTO_TEST_CASE(the_other_side_may_ask_for_a_longer_pause_up_to_the_cap) {
  const auto fixed = policy(RetryPolicy::Backoff::fixed);
  Outcome outcome = status(429);
  outcome.retry_after = 700ms;
  BOOST_TEST(pause_after(fixed, 1, outcome, 0.0)->count() == 700);
  outcome.retry_after = 3600s;
  BOOST_TEST(pause_after(fixed, 1, outcome, 0.0)->count() == 1000);
  outcome.retry_after = 0ms;
  BOOST_TEST(pause_after(fixed, 1, outcome, 0.0)->count() == 100);
  BOOST_TEST(!pause_after(fixed, 10, outcome, 0.0));
}

BOOST_AUTO_TEST_CASE(retry_after_is_seconds_or_a_date) {
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // Sun, 06 Nov 1994 08:49:37 GMT
  BOOST_TEST(parse_retry_after("120", now)->count() == 120'000);
  BOOST_TEST(parse_retry_after(" 3 \r\n", now)->count() == 3'000);
  BOOST_TEST(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now)->count() == 10'000);
  BOOST_TEST(parse_retry_after("Sun, 06 Nov 1994 08:49:07 GMT", now)->count() == 0);
  BOOST_TEST(parse_retry_after("99999999999999999999999", now)->count() > 0);
  BOOST_TEST(!parse_retry_after("", now));
  BOOST_TEST(!parse_retry_after("12x", now));
  BOOST_TEST(!parse_retry_after("-5", now));
  BOOST_TEST(!parse_retry_after("soon", now));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(settle)

namespace {
using Phase = ActionState::Phase;
const SteadyTime now{100s};

ActionState action(Phase phase, SteadyTime due = {}) {
  ActionState state;
  state.phase = phase;
  state.due = due;
  return state;
}
}  // namespace

BOOST_AUTO_TEST_CASE(observers_begin_in_the_order_of_the_file) {
  const auto step = next_step({{0, {action(Phase::done), action(Phase::pending)}}, {1, {action(Phase::pending)}}}, now, {});
  BOOST_REQUIRE(std::holds_alternative<Run>(step));
  BOOST_TEST(std::get<Run>(step).track == 0u);
  BOOST_TEST(std::get<Run>(step).action == 1u);
}

BOOST_AUTO_TEST_CASE(one_that_waits_for_its_next_try_does_not_hold_the_observers_after_it_but_its_own_actions) {
  const auto step =
      next_step({{0, {action(Phase::waiting, now + 5s), action(Phase::pending)}}, {1, {action(Phase::pending)}}}, now, {});
  BOOST_REQUIRE(std::holds_alternative<Run>(step));
  BOOST_TEST(std::get<Run>(step).track == 1u);
}

BOOST_AUTO_TEST_CASE(the_earliest_retry_is_waited_for_and_a_due_one_runs) {
  const std::vector<Track> tracks{{0, {action(Phase::waiting, now + 5s)}}, {1, {action(Phase::waiting, now + 2s)}}};
  const auto step = next_step(tracks, now, {});
  BOOST_REQUIRE(std::holds_alternative<Wait>(step));
  BOOST_TEST((std::get<Wait>(step).until == now + 2s));
  BOOST_TEST(std::get<Run>(next_step(tracks, now + 2s, {})).track == 1u);
}

BOOST_AUTO_TEST_CASE(while_something_runs_or_a_letter_is_written_nothing_else_begins) {
  for (const Phase phase : {Phase::running, Phase::failing})
    BOOST_TEST(std::holds_alternative<Busy>(next_step({{0, {action(phase)}}, {1, {action(Phase::pending)}}}, now, {})));
}

BOOST_AUTO_TEST_CASE(a_message_is_finished_when_every_action_is_done_or_has_failed_for_good) {
  BOOST_TEST(std::holds_alternative<Finished>(next_step({{0, {action(Phase::done)}}, {1, {action(Phase::failed)}}}, now, {})));
  BOOST_TEST(std::holds_alternative<Finished>(next_step({}, now, {})));
}

BOOST_AUTO_TEST_CASE(a_stop_hands_back_only_what_cannot_end_in_time) {
  const std::vector<Track> tracks{{0, {action(Phase::waiting, now + 5s)}}};
  BOOST_TEST(std::holds_alternative<HandBack>(next_step(tracks, now, now + 4s)));
  BOOST_TEST(std::holds_alternative<Wait>(next_step(tracks, now, now + 6s)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(schedule)

namespace {
const Schedule::Time start{};
}

BOOST_AUTO_TEST_CASE(hosts_take_turns_and_keep_to_their_share) {
  Schedule schedule(3, 2);
  for (const std::uint64_t id : {1u, 2u, 3u, 4u}) schedule.enqueue("a", id);
  schedule.enqueue("b", 5);
  std::vector<std::uint64_t> started;
  while (const auto next = schedule.start(start)) started.push_back(next->id);
  BOOST_TEST(started == (std::vector<std::uint64_t>{1, 5, 2}), boost::test_tools::per_element());
  BOOST_TEST(schedule.running() == 3);
  BOOST_TEST(schedule.startable() == 0);  // those of a wait for their host
  schedule.finished("a", Schedule::Answer::came, start);
  BOOST_TEST(schedule.start(start)->id == 3u);
}

BOOST_AUTO_TEST_CASE(those_that_wait_for_a_slot_only_are_counted) {
  Schedule schedule(1, 1);
  for (const std::uint64_t id : {1u, 2u, 3u}) schedule.enqueue("a", id);
  BOOST_TEST(schedule.start(start)->id == 1u);
  BOOST_TEST(schedule.startable() == 2);
  schedule.withdraw("a", 2);
  BOOST_TEST(schedule.startable() == 1);
}

BOOST_AUTO_TEST_CASE(a_host_that_fails_to_answer_five_times_is_left_alone_and_then_probed_once) {
  Schedule schedule(9, 9);
  const auto fail_one = [&](Schedule::Time at) {
    schedule.enqueue("a", 1);
    BOOST_TEST(!schedule.start(at)->circuit_open);
    schedule.finished("a", Schedule::Answer::failed, at);
  };
  for (int i = 0; i < 5; ++i) fail_one(start);
  schedule.enqueue("a", 1);
  BOOST_TEST(schedule.start(start + 9s)->circuit_open);
  BOOST_TEST(schedule.running() == 0);
  schedule.enqueue("a", 2);
  schedule.enqueue("a", 3);
  BOOST_TEST(!schedule.start(start + 10s)->circuit_open);  // the probe
  BOOST_TEST(schedule.start(start + 10s)->circuit_open);
  schedule.finished("a", Schedule::Answer::failed, start + 11s);
  schedule.enqueue("a", 4);
  BOOST_TEST(schedule.start(start + 20s)->circuit_open);
  schedule.enqueue("a", 5);
  BOOST_TEST(!schedule.start(start + 21s)->circuit_open);
  schedule.finished("a", Schedule::Answer::came, start + 21s);
  fail_one(start + 21s);
  fail_one(start + 21s);
}

BOOST_AUTO_TEST_CASE(an_answer_in_between_closes_the_row_of_failures) {
  Schedule schedule(9, 9);
  for (int i = 0; i < 20; ++i) {
    schedule.enqueue("a", 1);
    BOOST_TEST(!schedule.start(start)->circuit_open);
    schedule.finished("a", i % 5 == 4 ? Schedule::Answer::came : Schedule::Answer::failed, start);
  }
}

BOOST_AUTO_TEST_CASE(a_host_that_has_its_share_leaves_the_slots_to_others) {
  Schedule schedule(4, 2);
  for (const std::uint64_t id : {1u, 2u, 3u, 4u}) schedule.enqueue("a", id);
  while (schedule.start(start)) continue;
  BOOST_TEST(schedule.running() == 2);
  BOOST_TEST(schedule.startable() == 0);
  for (const std::uint64_t id : {5u, 6u}) schedule.enqueue("b", id);
  BOOST_TEST(schedule.start(start)->id == 5u);
  BOOST_TEST(schedule.start(start)->id == 6u);
  BOOST_TEST(!schedule.start(start));
}

BOOST_AUTO_TEST_CASE(without_a_free_slot_those_of_a_host_with_room_could_start_at_once) {
  Schedule schedule(2, 1);
  for (const std::uint64_t id : {1u, 2u}) schedule.enqueue("a", id);
  schedule.enqueue("b", 3);
  for (const std::uint64_t id : {4u, 5u}) schedule.enqueue("c", id);
  while (schedule.start(start)) continue;
  BOOST_TEST(schedule.running() == 2);
  BOOST_TEST(schedule.startable() == 1);  // one of c; the other would wait for it, and the second of a does
}

BOOST_AUTO_TEST_CASE(an_open_circuit_fails_those_that_wait_without_a_slot_even_when_all_are_taken) {
  Schedule schedule(2, 2);
  for (int i = 0; i < Schedule::failures_to_open; ++i) {
    schedule.enqueue("dead", 1);
    schedule.start(start);
    schedule.finished("dead", Schedule::Answer::failed, start);
  }
  for (const std::uint64_t id : {2u, 3u}) schedule.enqueue("alive", id);
  while (schedule.start(start)) continue;
  BOOST_TEST(schedule.running() == 2);
  schedule.enqueue("dead", 4);
  BOOST_TEST(schedule.start(start)->circuit_open);
  BOOST_TEST(schedule.running() == 2);
}

BOOST_AUTO_TEST_CASE(a_probe_that_is_broken_off_lets_the_next_one_find_out) {
  Schedule schedule(2, 2);
  for (int i = 0; i < Schedule::failures_to_open; ++i) {
    schedule.enqueue("a", 1);
    schedule.start(start);
    schedule.finished("a", Schedule::Answer::failed, start);
  }
  schedule.enqueue("a", 2);
  BOOST_TEST(!schedule.start(start + 10s)->circuit_open);
  schedule.finished("a", Schedule::Answer::unknown, start + 11s);
  schedule.enqueue("a", 3);
  BOOST_TEST(!schedule.start(start + 11s)->circuit_open);
  schedule.finished("a", Schedule::Answer::came, start + 11s);
  schedule.enqueue("a", 4);
  schedule.enqueue("a", 5);
  BOOST_TEST(!schedule.start(start + 11s)->circuit_open);
  BOOST_TEST(!schedule.start(start + 11s)->circuit_open);
}

BOOST_DATA_TEST_CASE(what_is_held_stays_within_sixteen_mebibytes,
                     data::make({0u, 0u, 8u << 20, (16u << 20) - 1, 16u << 20, 17u << 20}) ^
                         data::make({65'536u, 32u << 20, 65'536u, 65'536u, 200u, 200u}) ^ data::make({256, 1, 128, 1, 0, 0}),
                     held, usual, room) {
  BOOST_TEST(room_in_bytes(held, usual) == room);
}

BOOST_AUTO_TEST_CASE(small_messages_are_bounded_by_their_number_only) {
  BOOST_TEST(room_in_bytes(0, 0) == 1'000'000);
  BOOST_TEST(room_in_bytes(200 * 10'000, 200) > 10'000);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(settled)

BOOST_AUTO_TEST_CASE(the_last_ones_are_known_by_place_and_event) {
  Settled settled(3);
  for (const std::uint64_t seq : {1u, 2u, 3u}) settled.add(seq, "e" + std::to_string(seq));
  BOOST_TEST(settled.has(1, "e1"));
  BOOST_TEST(!settled.has(1, "e2"));
  settled.add(3, "e3");  // known already
  BOOST_TEST(settled.has(1, "e1"));
  settled.add(4, "e4");
  BOOST_TEST(!settled.has(1, "e1"));
  BOOST_TEST(settled.has(2, "e2"));
}

BOOST_AUTO_TEST_CASE(an_event_of_a_stream_made_anew_takes_the_place_of_the_old_one_and_stays_as_long) {
  Settled settled(3);
  settled.add(1, "old");
  settled.add(1, "new");
  BOOST_TEST(!settled.has(1, "old"));
  settled.add(2, "e2");
  settled.add(3, "e3");
  BOOST_TEST(settled.has(1, "new"));
  settled.add(4, "e4");
  BOOST_TEST(!settled.has(1, "new"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(entity_order)

BOOST_AUTO_TEST_CASE(changes_of_one_entity_wait_for_each_other_and_those_of_others_do_not) {
  EntityOrder order;
  BOOST_TEST(order.add("a", 1, 11));
  BOOST_TEST(!order.add("a", 2, 12));
  BOOST_TEST(order.add("b", 3, 13));
  BOOST_TEST(*order.remove("a", 11) == 12u);
  BOOST_TEST(!order.remove("a", 12));
  BOOST_TEST(order.add("a", 4, 14));
}

BOOST_AUTO_TEST_CASE(one_that_is_delivered_late_goes_before_later_changes_but_not_before_the_one_with_the_turn) {
  EntityOrder order;
  order.add("a", 5, 15);
  order.add("a", 9, 19);
  order.add("a", 3, 13);
  BOOST_TEST(*order.remove("a", 15) == 13u);
  BOOST_TEST(*order.remove("a", 13) == 19u);
}

BOOST_AUTO_TEST_CASE(taking_out_one_that_waits_gives_nobody_the_turn) {
  EntityOrder order;
  order.add("a", 1, 11);
  order.add("a", 2, 12);
  order.add("a", 3, 13);
  BOOST_TEST(!order.remove("a", 12));
  BOOST_TEST(order.first("a", 11));
  BOOST_TEST(order.behind("a").size() == 1u);
  BOOST_TEST(*order.remove("a", 11) == 13u);
}

BOOST_AUTO_TEST_SUITE_END()
