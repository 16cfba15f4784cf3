#include <iostream>

#include "common/errors.hpp"
#include "common/nats/link.hpp"
#include "executor/jetstream/broker.hpp"
#include "executor/jetstream/session.hpp"

namespace fraiseql {

bool check_needs(const ExecutorConfig& config) {
  try {
    const nats::Link link(config.nats, nats::Link::Reconnect::never, "fraiseql executor --check");
    Broker broker(link, config.nats);
    const auto complaints = broker.complaints();
    for (const auto& line : complaints) std::cout << line << "\n";
    if (complaints.empty()) std::cout << "ok: NATS at " << link.server() << ", stream " << config.nats.stream_name << "\n";
    return complaints.empty();
  } catch (const Unavailable& e) {
    std::cout << e.what() << "\n";
    return false;
  }
}

}  // namespace fraiseql
