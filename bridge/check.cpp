#include "bridge/check.hpp"

#include <functional>
#include <iostream>
#include <string>

#include "common/change_log.hpp"
#include "common/errors.hpp"
#include "common/nats/link.hpp"
#include "common/nats/streams.hpp"

namespace fraiseql {
namespace {

bool tried(const char* what, const std::function<std::string()>& look) {
  try {
    std::cout << "ok    " << what << ": " << look() << '\n';
    return true;
  } catch (const std::exception& e) {
    std::cout << "wrong " << what << ": " << e.what() << '\n';
    return false;
  }
}

}  // namespace

int check_bridge(const BridgeConfig& config) {
  bool good = tried("database", [&] {
    ChangeLog change_log(config.database_url, config.transport_name, config.start_from_now, "pg2nats-bridge check");
    return std::string("schema is up to date");
  });
  good &= tried("NATS", [&] {
    const nats::Link link(config.nats, nats::Link::Reconnect::never, "pg2nats-bridge check");
    NatsConfig look_only = config.nats;
    look_only.manage = false;
    if (!nats::stream_info(link, config.nats.stream_name))
      return config.nats.manage ? "stream " + config.nats.stream_name + " will be created"
                                : throw Unavailable("stream " + config.nats.stream_name + " does not exist, and manage = false forbids to create it");
    const nats::StreamInfo info = nats::ensure_event_stream(link, look_only);
    std::string text = "stream " + config.nats.stream_name + ", " + std::to_string(info.messages) + " messages";
    for (const std::string& difference : info.drift) text += "; differs: " + difference;
    return text;
  });
  return good ? 0 : 1;
}

}  // namespace fraiseql
