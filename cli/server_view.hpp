#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/change_log_view.hpp"
#include "common/config.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql {

/// What PostgreSQL and NATS tell of the pipeline, without healthd.
struct ServerView {
  struct Consumer {
    std::uint64_t waiting = 0;         ///< not delivered yet
    std::uint64_t unacknowledged = 0;  ///< delivered and not settled
    std::uint64_t redelivered = 0;
    std::uint64_t pulls = 0;           ///< requests of executors that wait for events
  };
  std::string transport, stream_name, consumer_name;
  std::string reader_name;  ///< whose checkpoint that is: the bridge's, or the executor's
  std::string no_healthd;   ///< why healthd was not asked

  bool asked_postgres = false, asked_nats = false;  ///< false: the transport or the configuration has none
  std::optional<ReaderView> reader;
  std::string no_postgres;  ///< why there is no reader
  std::optional<nats::StreamInfo> stream;
  std::optional<Consumer> consumer;
  std::optional<std::uint64_t> letters;
  std::string no_nats;  ///< why NATS could not be asked; empty and no stream: there is none
};

/// Asks both servers, each within some fifteen seconds. A server that is away is a finding; throws only ConfigError.
ServerView look_at_servers(const Settings& settings, const std::string& no_healthd);

/// The view as JSON, with the members of healthd's /status.json as far as servers know them. Never `ok`. Pure.
std::string json_of(const ServerView& view);

}  // namespace fraiseql
