#pragma once

#include <functional>
#include <string>

#include "executor/origin.hpp"
#include "executor/requests.hpp"

namespace fraiseql {

class JetStreamAcks;

/// The progress of events in a key-value bucket.
class JetStreamProgress : public ProgressStore {
 public:
  /// `missing`: the bucket has to be made. What is forgotten stays until the acks before it are sent.
  JetStreamProgress(Requests& requests, JetStreamAcks& acks, std::string bucket, std::function<void()> missing)
      : requests_(requests), acks_(acks), bucket_(std::move(bucket)), missing_(std::move(missing)) {}

  void load(const std::string& event_id, std::function<void(std::optional<std::string>)> loaded) override;
  void save(const std::string& event_id, const std::string& json, std::chrono::milliseconds limit,
            std::function<void(bool)> saved) override;
  void forget(const std::string& event_id) override;

 private:
  std::string subject(const std::string& event_id) const;

  Requests& requests_;
  JetStreamAcks& acks_;
  std::string bucket_;
  std::function<void()> missing_;
};

}  // namespace fraiseql
