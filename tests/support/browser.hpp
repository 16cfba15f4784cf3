#pragma once

#include <memory>
#include <string>
#include <vector>

namespace fraiseql::test {

/// A real Chromium without a screen, driven over WebDriver (Debian's packages chromium and chromium-driver). Gone with its
/// object. Throws std::runtime_error with the driver's words when something cannot be done.
class Browser {
 public:
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  void open(const std::string& url);
  void reload();
  /// Runs a function body of JavaScript in the page and returns what it returns, as text: strings as they are, all else as JSON.
  std::string run(const std::string& script);
  bool is(const std::string& expression) { return run("return (" + expression + ");") == "true"; }

  void click(const std::string& selector);  ///< as a person does: the page may then do what it may not do by itself

  /// What the page sees: a colour scheme (light, dark), and reduced motion.
  void prefer(const std::string& colour_scheme, bool reduced_motion = false);
  void resize(int width, int height);
  /// All of the page as a PNG file.
  void screenshot(const std::string& path);

  /// What has been written to the console since the last call, errors of the network included: "LEVEL text" each.
  std::vector<std::string> console();
  /// Every address that the page has asked for since the last call.
  std::vector<std::string> requests();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fraiseql::test
