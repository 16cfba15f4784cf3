#pragma once

#include <string>
#include <utility>

#include "common/config.hpp"
#include "common/errors.hpp"

namespace fraiseql::test {

/// Settings from the text of an observer file, an environment, and the text of an app file.
inline Settings settings(std::string observer_file, Environment environment = {}, std::string app_file = "",
                         unsigned users = for_everyone) {
  SourceTexts texts;
  texts.observer_text = std::move(observer_file);
  texts.app_text = std::move(app_file);
  texts.environment = std::move(environment);
  texts.users = users;
  texts.observer_file = "o";  // short, for the messages in the tests
  texts.app_file = "a";
  return load(texts);
}

/// What `body` has to say against the settings: the lines of its ConfigError, or "".
template <class Body>
std::string complaint(Body body) {
  try {
    body();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

inline std::string mistakes(std::string observer_file, Environment environment = {}, std::string app_file = "") {
  return complaint([&] { (void)settings(std::move(observer_file), std::move(environment), std::move(app_file)); });
}

}  // namespace fraiseql::test
