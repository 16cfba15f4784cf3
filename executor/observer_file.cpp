#include "executor/observer_file.hpp"

#include <sstream>

#include "common/errors.hpp"
#include "common/log.hpp"

namespace fraiseql {
namespace {

std::shared_ptr<const Observers> compile(const ExecutorConfig& config) {
  return std::make_shared<const Observers>(config.observers, config.actions);
}

// These are read by nobody but the actions, which are compiled anew.
bool taken_over(const std::string& key) { return key.starts_with("email.") || key.starts_with("redis."); }

}  // namespace

ObserverFile::ObserverFile(const Sources& sources)
    : sources_(sources), settings_(load(sources)), config_(executor_config(settings_)), current_(compile(config_)) {}

bool ObserverFile::reread() {
  if (!hangup_.take()) return false;
  try {
    const Settings settings = load(sources_);
    const auto fresh = compile(executor_config(settings));
    for (const std::string& key : settings_.differences(settings))
      if (!taken_over(key)) log::warn("changed in the file, takes effect after a restart", {{"key", key}});
    current_ = fresh;
    refused_.clear();
    log::info("observers reread", {{"observers", current_->all().size()}});
    return true;
  } catch (const ConfigError& e) {
    refused_ = e.what();
  } catch (const std::exception& e) {
    refused_ = std::string("the files cannot be read: ") + e.what();
  }
  log::error("the observers are not reread; those from before go on", {{"why", refused_}});
  return false;
}

}  // namespace fraiseql
