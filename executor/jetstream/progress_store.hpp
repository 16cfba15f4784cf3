#pragma once

#include <functional>
#include <string>

#include "executor/origin.hpp"
#include "executor/requests.hpp"

namespace fraiseql {

/// The progress of events in a key-value bucket.
class JetStreamProgress : public ProgressStore {
 public:
  /// `missing`: the bucket has to be made.
  JetStreamProgress(Requests& requests, std::string bucket, std::function<void()> missing)
      : requests_(requests), bucket_(std::move(bucket)), missing_(std::move(missing)) {}

  void load(const std::string& event_id, std::function<void(std::optional<std::string>)> loaded) override;
  void save(const std::string& event_id, const std::string& json, std::chrono::milliseconds limit,
            std::function<void(bool)> saved) override;
  void forget(const std::string& event_id) override;

 private:
  std::string subject(const std::string& event_id) const;

  Requests& requests_;
  std::string bucket_;
  std::function<void()> missing_;
};

}  // namespace fraiseql
