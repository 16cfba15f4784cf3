#pragma once

#include <string>
#include <unordered_map>

#include "executor/origin.hpp"

namespace fraiseql {

/// Progress for as long as the process lives. Answers at once.
class MemoryProgress : public ProgressStore {
 public:
  void load(const std::string& event_id, std::function<void(std::optional<std::string>)> loaded) override {
    const auto found = known_.find(event_id);
    loaded(found == known_.end() ? std::string() : found->second);
  }
  void save(const std::string& event_id, const std::string& json, std::chrono::milliseconds,
            std::function<void(bool)> saved) override {
    known_[event_id] = json;
    saved(true);
  }
  void forget(const std::string& event_id) override { known_.erase(event_id); }

  void put(const std::string& event_id, std::string json) { known_[event_id] = std::move(json); }
  const std::string* find(const std::string& event_id) const {
    const auto found = known_.find(event_id);
    return found == known_.end() ? nullptr : &found->second;
  }
  void clear() { known_.clear(); }

 private:
  std::unordered_map<std::string, std::string> known_;
};

}  // namespace fraiseql
