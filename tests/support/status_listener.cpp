#include "tests/support/status_listener.hpp"

#include <zmq.h>

#include <stdexcept>
#include <vector>

namespace fraiseql::test {

StatusListener::StatusListener(const std::string& endpoint) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_SUB)) {
  const int none = 0;
  zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
  zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, "", 0);
  if (zmq_bind(socket_, endpoint.c_str()) != 0) throw std::runtime_error("bind " + endpoint + ": " + zmq_strerror(zmq_errno()));
}

StatusListener::~StatusListener() {
  zmq_close(socket_);
  zmq_ctx_term(context_);
}

void StatusListener::take() {
  std::vector<char> frame(1 << 16);
  while (true) {
    const int size = zmq_recv(socket_, frame.data(), frame.size(), ZMQ_DONTWAIT);
    if (size < 0) return;
    const auto report = decode_status({frame.data(), static_cast<std::size_t>(size)});
    if (report) newest_[report.value().component + std::to_string(report.value().pid)] = report.value();
  }
}

std::uint64_t StatusListener::counter(std::string_view name, const Labels& labels) {
  take();
  std::uint64_t sum = 0;
  for (const auto& [process, report] : newest_)
    if (const auto found = report.metrics.counters.find({std::string(name), labels}); found != report.metrics.counters.end())
      sum += found->second;
  return sum;
}

}  // namespace fraiseql::test
