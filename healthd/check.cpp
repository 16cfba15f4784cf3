#include "healthd/check.hpp"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

#include "common/errors.hpp"
#include "healthd/collector.hpp"
#include "healthd/health.hpp"
#include "healthd/http_server.hpp"
#include "healthd/probe.hpp"

namespace fraiseql {
namespace {

/// A socket file would have to be made to be tried; its directory tells as much.
void check_directory(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    throw ConfigError("health.status_endpoint: " + folder.string() + ": not a directory that can be written to; make it, or choose another path");
}

}  // namespace

bool check_health(const HealthConfig& config, std::ostream& out) {
  bool well = true, running = false;
  const auto look = [&](const std::string& what, const std::function<void()>& bind) {
    try {
      bind();
      out << "ok: " << what << " can be had\n";
    } catch (const Unavailable& e) {
      running = running || healthd::probe(config.listen).empty();
      if (running) {
        out << "ok: " << what << ": a healthd runs there\n";
      } else {
        out << "problem: " << e.what() << "\n";
        well = false;
      }
    } catch (const ConfigError& e) {
      out << "problem: " << e.what() << "\n";
      well = false;
    }
  };
  look("health.listen " + config.listen, [&] { HttpServer{config.listen, {}}; });
  const std::string& endpoint = config.status_endpoints.at(0);
  look("health.status_endpoint " + endpoint, [&] {
    if (endpoint.starts_with("ipc://")) return endpoint.starts_with("ipc://@") ? void() : check_directory(endpoint.substr(6));
    Health nobody{config};
    Collector{endpoint, nobody};
  });
  return well;
}

}  // namespace fraiseql
