#include "bridge/session.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/status_names.hpp"
#include "common/timestamp.hpp"

namespace fraiseql {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t window_bytes = 16 << 20;
constexpr unsigned ask_every_rows = 50;             // chain: an answer vouches for all before it
constexpr std::size_t ask_every_bytes = 1 << 20;
constexpr auto save_every = 100ms;
constexpr auto save_idle_every = 60s;
constexpr auto stop_limit = 2s;
constexpr auto frozen_limit = 8s;  // below the server's idle_session_timeout of 10 s, above any single wait for an answer of ours

// The chain is sound only while nobody else publishes into the stream, and nothing on the server can promise that: a
// foreign message takes the sequence of one of ours, which is refused in silence, and the next of ours fits behind it.
// The answer that it gets vouches for the lost one (tests/integration/chain_fact_test.cpp). So only who says so gets it.
Way choose_way(const BridgeConfig& config, const BridgeMemory& memory) {
  return config.chain == Chain::on && !memory.others_publish ? Way::chain : Way::single;
}

}  // namespace

BridgeSession::Eventfd::Eventfd() : fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
BridgeSession::Eventfd::~Eventfd() { close(fd); }

BridgeSession::BridgeSession(const BridgeConfig& config, const std::string& instance, BridgeMemory& memory, PublishStats& stats,
                             Reporter& reporter, StopSignal& stop)
    : config_(config), instance_(instance), memory_(memory), stats_(stats), reporter_(reporter), stop_(stop),
      change_log_(config.database_url, config.transport_name, config.start_from_now, "pg2nats-bridge"),
      encoder_(config.nats.subject_prefix, config.nats.dlq_subject_prefix, config.transport_name) {}

bool BridgeSession::lead() {
  bool said = false;
  while (!change_log_.try_lead()) {
    if (!said) log::info("another bridge leads: standing by", {{"transport_name", config_.transport_name}});
    said = true;
    reporter_.turn();
    reporter_.update([](StatusReport& report) {
      report.state = "standby";
      report.postgres = Reach::ok;
      report.jetstream = Reach::not_used;
      report.problems.clear();
      report.metrics.set(metric::leader, 0);
      report.metrics.set(metric::in_flight, 0);
    });
    if (stop_.wait_for(500ms)) return false;
  }
  return true;
}

void BridgeSession::open() {
  link_.emplace(config_.nats, nats::Link::Reconnect::never, "pg2nats-bridge " + instance_);
  stream_ = nats::ensure_event_stream(*link_, config_.nats);
  check_identity();
  read_tail();
  publisher_.emplace(config_.nats, "pg2nats-bridge " + instance_);
  limits_.max_payload = static_cast<std::size_t>(publisher_->max_payload());
  limits_.max_msg_size = stream_.max_msg_size;
  way_ = choose_way(config_, memory_);
  if (way_ == Way::chain && stream_.level < nats::Level::v2_12)
    log::warn("chain = on: before nats-server 2.12 a replicated stream answers a refused message as duplicate until its window has passed", {});
  next_seq_ = stream_.last_seq;
  jetstream_at_ = Clock::now();  // the API has just answered
  asked_all_left_ = memory_.ask_all ? static_cast<unsigned>(config_.max_in_flight) : 0;
  memory_.ask_all = false;
  saved_ = {checkpoint_.place, checkpoint_.cursor, static_cast<std::uint64_t>(checkpoint_.stream_seq), checkpoint_.stream_msg_id,
            static_cast<std::uint64_t>(checkpoint_.tail_seq)};
  window_.emplace(way_, static_cast<std::size_t>(config_.max_in_flight), window_bytes, saved_);
  std::size_t selectable = limits_.max_payload;
  if (limits_.max_msg_size >= 0) selectable = std::min(selectable, static_cast<std::size_t>(limits_.max_msg_size));
  reader_.emplace(change_log_, PageReader::Settings{config_.batch_size, config_.poll_interval, selectable, checkpoint_.epoch}, checkpoint_.place, checkpoint_.cursor, wake_.fd);
  log::info("publishing", {{"stream", config_.nats.stream_name}, {"way", way_ == Way::chain ? "chain" : "single"}, {"from_pk", checkpoint_.cursor},
                           {"stream_seq", checkpoint_.stream_seq}, {"already_stored", tail_->size()}, {"epoch", checkpoint_.epoch}});
}

void BridgeSession::run() {
  reporter_.turn();
  reporter_.update([](StatusReport& report) { report.postgres = Reach::ok; });
  if (!lead()) return;
  checkpoint_ = change_log_.checkpoint();
  if (change_log_.is_copy(checkpoint_))
    throw Refused(problem::database_copy, "this database is a copy: rows of its change log were written elsewhere, so the checkpoint of transport " +
                                              config_.transport_name + " does not belong to it. Once the original is out of use: fraiseql bridge adopt");
  if (checkpoint_.first_run && !config_.start_from_now) {
    const Waiting waiting = change_log_.waiting_after(0);
    if (waiting.events > 0)
      log::warn("first run: everything in the change log will be published, and executors will act on all of it; start_from = \"now\" would skip it",
                {{"rows", waiting.events}, {"oldest", waiting.oldest}});
  }
  checkpoint_.epoch = change_log_.take_epoch();
  if (!checkpoint_.system_identifier) checkpoint_.system_identifier = change_log_.system_identifier();
  if (!config_.notify_channel.empty()) change_log_.listen(config_.notify_channel);
  open();
  publish_loop();
}

void BridgeSession::publish_loop() {
  auto turned = Clock::now();
  while (!stop_.requested()) {
    const auto now = Clock::now();
    // A frozen process has lost its lock by the time it wakes: another one may have published what it still holds.
    if (now - std::exchange(turned, now) > frozen_limit) throw SessionOver("this process stood still; another bridge may lead by now");
    reporter_.turn();
    take_answers();
    fill();
    publisher_->flush();
    advance();
    check_deadlines(now);
    vouch_by_stream_info(now);
    save(now, false);
    report(now);
    publisher_->tick(now);
    // More to send at once only when there is room and a page: everything else announces itself.
    const bool has_page = reader_->has_page();
    const bool more = window_->room() && (page_ || has_page) && !publisher_->blocked();
    pollfd waiting[3] = {{publisher_->fd(), static_cast<short>(POLLIN | (publisher_->blocked() ? POLLOUT : 0)), 0}, {wake_.fd, POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
    poll(waiting, 3, more ? 0 : window_->empty() ? 250 : 20);
    if (waiting[1].revents) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = read(wake_.fd, &count, sizeof count);
    }
  }
  if (!settle_before_stop()) log::warn("stopped with messages in flight; the next session finds out which of them are stored", {{"in_flight", window_->size()}});
}

void BridgeSession::fill() {
  // The socket's own buffer is the limit: what it does not take now would only lie here.
  while (window_->room() && !publisher_->blocked()) {
    if (!page_) {
      page_ = reader_->take();
      row_ = 0;
      if (!page_) return;
    }
    if (row_ == page_->rows.size()) {
      // The first window may have been opened by an earlier session; the next one sees every row that the stream held then.
      if (page_->window_done && ++windows_done_ == 2) tail_->forget();
      window_->add_mark(std::exchange(page_, nullptr));
      continue;
    }
    const ChangeRow& row = page_->rows[row_];
    if (const std::uint64_t seq = tail_->take(row.id, row.pk)) {
      window_->add_stored(page_, row_++, seq);
      continue;
    }
    if (!memory_.known_stored.empty()) {
      if (const auto known = memory_.known_stored.find(row.pk); known != memory_.known_stored.end()) {
        window_->add_stored(page_, row_++, 0);
        continue;
      }
    }
    const auto added = window_->add(page_, row_++);
    if (added.send) send(added.number, row_ == page_->rows.size() && !reader_->has_page());
  }
}

void BridgeSession::send(std::uint64_t number, bool last) {
  Window::Item& item = *window_->item(number);
  const ChangeRow& row = item.change();
  if (!memory_.condemned.empty())
    if (const auto condemned = memory_.condemned.find(row.pk); condemned != memory_.condemned.end()) return send_letter(number, condemned->second);
  ++since_asked_;
  const bool ask = way_ == Way::single || last || since_asked_ >= ask_every_rows || bytes_since_asked_ >= ask_every_bytes || asked_all_left_ > 0;
  char text[64];
  std::string_view reply;
  if (ask) {
    const std::string& prefix = publisher_->reply_prefix();
    prefix.copy(text, prefix.size());
    reply = {text, static_cast<std::size_t>(std::to_chars(text + prefix.size(), text + sizeof text, number).ptr - text)};
  }
  std::string& out = publisher_->buffer();
  const std::size_t before = out.size();
  const auto expected = way_ == Way::chain ? std::optional<std::uint64_t>(next_seq_) : std::nullopt;
  if (const auto why = encoder_.append(out, row, reply, expected, limits_)) return send_letter(number, *why);
  const auto bytes = static_cast<std::uint32_t>(out.size() - before);
  if (way_ == Way::chain) item.seq = ++next_seq_;
  bytes_since_asked_ = ask ? 0 : bytes_since_asked_ + bytes;
  if (ask) since_asked_ = 0;
  if (asked_all_left_ > 0) --asked_all_left_;
  sent_at_ = Clock::now();
  window_->sent(number, bytes, ask, sent_at_);
  publisher_->appended();
}

void BridgeSession::send_letter(std::uint64_t number, const Unpublishable& why) {
  if (!letters_ready_) {
    // Executors make this stream; a bridge on a node of its own may need it first.
    nats::ensure_dlq_stream(*link_, config_.nats);
    letters_ready_ = true;
  }
  Window::Item& item = *window_->item(number);
  item.letter = true;
  const ChangeRow& row = item.change();
  ++stats_.letters[std::string(to_string(why.reason))];
  log::error("change cannot be published: dead letter", {{"pk", row.pk}, {"id", row.id}, {"reason", to_string(why.reason)}, {"what", why.what}});
  char now[32];
  const std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const std::size_t length = std::strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
  std::string& out = publisher_->buffer();
  const std::size_t before = out.size();
  encoder_.append_letter(out, row, publisher_->reply_prefix() + std::to_string(number), why, {now, length});
  window_->sent(number, static_cast<std::uint32_t>(out.size() - before), true, Clock::now());
  publisher_->appended();
}

void BridgeSession::advance() {
  std::int64_t now_us = 0;
  window_->advance([&](const Window::Item& item) {
    if (item.mark() || item.letter || item.sent_at == Window::Time{}) return;
    ++stats_.published;
    if (now_us == 0)
      now_us = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (const auto created = parse_timestamp(item.change().created_at)) stats_.delay(now_us - created->microseconds());
  });
}

void BridgeSession::save(Window::Time now, bool last) {
  if (!last && now - saved_at_ < save_every) return;
  if (!reader_->saved()) return;
  StoredPrefix prefix = window_->prefix(tail_->first_left());
  const bool moved = prefix.cursor != saved_.cursor || prefix.stream_seq != saved_.stream_seq || prefix.tail_seq != saved_.tail_seq ||
                     prefix.place.last_pk != saved_.place.last_pk;
  // A window that closed without rows moves only the snapshots: once a minute is enough for those.
  const bool drifted = prefix.place.snapshot != saved_.place.snapshot && now - saved_at_ >= save_idle_every;
  if (!moved && !drifted && !last) return;
  saved_at_ = now;
  checkpoint_.place = prefix.place;
  checkpoint_.cursor = prefix.cursor;
  checkpoint_.stream_seq = static_cast<std::int64_t>(prefix.stream_seq);
  checkpoint_.stream_msg_id = prefix.stream_msg_id;
  checkpoint_.tail_seq = static_cast<std::int64_t>(prefix.tail_seq);
  memory_.forget_up_to(prefix.place.window_snapshot.empty() ? 0 : prefix.place.last_pk);
  saved_ = std::move(prefix);
  reader_->save(checkpoint_, last);
}

bool BridgeSession::settle_before_stop() {
  const auto deadline = Clock::now() + stop_limit;
  while (!window_->empty() && Clock::now() < deadline) {
    const auto now = Clock::now();
    take_answers();
    publisher_->flush();
    advance();
    vouch_by_stream_info(now);
    pollfd waiting{publisher_->fd(), static_cast<short>(POLLIN | (publisher_->blocked() ? POLLOUT : 0)), 0};
    if (!window_->empty()) poll(&waiting, 1, 10);
  }
  while (!reader_->saved() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
  save(Clock::now(), true);
  while (!reader_->saved() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
  return window_->empty();
}

}  // namespace fraiseql
