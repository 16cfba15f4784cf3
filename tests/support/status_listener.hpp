#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/status.hpp"

namespace fraiseql::test {

/// Takes the status reports in healthd's place.
class StatusListener {
 public:
  explicit StatusListener(const std::string& endpoint);
  ~StatusListener();
  StatusListener(const StatusListener&) = delete;
  StatusListener& operator=(const StatusListener&) = delete;

  /// A counter as of the newest report of every process, added up. Looks only at what has arrived.
  std::uint64_t counter(std::string_view name, const Labels& labels = {});

 private:
  void take();

  void* context_;
  void* socket_;
  std::map<std::string, StatusReport> newest_;  // by process
};

}  // namespace fraiseql::test
