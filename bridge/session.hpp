#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/memory.hpp"
#include "bridge/publish_stats.hpp"
#include "bridge/tail.hpp"
#include "bridge/window.hpp"
#include "common/change_log.hpp"
#include "common/config.hpp"
#include "common/event.hpp"
#include "common/nats/link.hpp"
#include "common/nats/publisher.hpp"
#include "common/nats/streams.hpp"
#include "common/page_reader.hpp"
#include "common/reporter.hpp"
#include "common/stop.hpp"

namespace fraiseql {

/// One session of the bridge: everything between a connection and its loss, in the order of the design. Any failure ends
/// it by an exception (Unavailable, SessionOver, ConfigError), and the next one starts from the checkpoint.
class BridgeSession {
 public:
  BridgeSession(const BridgeConfig& config, const std::string& instance, BridgeMemory& memory, PublishStats& stats, Reporter& reporter,
                StopSignal& stop);
  /// Until a stop is requested: then what is in flight is awaited for two seconds and the checkpoint saved.
  void run();

 private:
  bool lead();       ///< waits for the lock; false when asked to stop meanwhile
  void open();       ///< NATS, the stream, what was lost, the tail
  void check_identity();
  void read_tail();
  void publish_loop();
  void take_answers();
  void take_answer(const nats::Publisher::Answer& answer);
  void refused(std::uint64_t number, const Window::Item& item, const nats::wire::PubAck& ack);
  void duplicate(std::uint64_t number, const Window::Item& item, std::uint64_t seq);
  void fill();
  void send(std::uint64_t number, bool last);
  void send_letter(std::uint64_t number, const Unpublishable& why);
  void advance();
  void check_deadlines(Window::Time now);
  void vouch_by_stream_info(Window::Time now);
  void save(Window::Time now, bool last);  ///< the last one goes into the history too
  void report(Window::Time now);
  bool settle_before_stop();

  const BridgeConfig& config_;
  std::string instance_;
  BridgeMemory& memory_;
  PublishStats& stats_;
  Reporter& reporter_;
  StopSignal& stop_;

  ChangeLog change_log_;
  Checkpoint checkpoint_;
  std::optional<nats::Link> link_;
  std::optional<nats::Publisher> publisher_;
  nats::StreamInfo stream_;
  std::optional<Tail> tail_;
  std::optional<Window> window_;
  EventEncoder encoder_;
  MessageLimits limits_;
  Way way_ = Way::single;
  std::uint64_t next_seq_ = 0;  ///< chain: the sequence that the stream ends with once all sent is stored
  unsigned since_asked_ = 0, asked_all_left_ = 0;
  std::size_t bytes_since_asked_ = 0;
  bool letters_ready_ = false;
  std::shared_ptr<const Page> page_;  ///< being sent
  std::uint32_t row_ = 0;             ///< next row of it
  int windows_done_ = 0;              ///< of the change log, since the tail was read
  std::vector<std::uint64_t> released_;
  Window::Time saved_at_{}, reported_at_{}, asked_info_at_{}, sent_at_{}, jetstream_at_{};
  StoredPrefix saved_;
  struct Eventfd {
    Eventfd();
    ~Eventfd();
    int fd;
  } wake_;
  std::optional<PageReader> reader_;  ///< last: it uses the change log until it is gone
};

}  // namespace fraiseql
