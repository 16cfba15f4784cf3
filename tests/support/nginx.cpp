#include "tests/support/nginx.hpp"

#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "tests/support/http.hpp"

namespace fraiseql::test {

Nginx::Nginx() : port_(free_port()) {
  const std::string at = directory_.path().string();
  const std::string temporary = [&] {
    std::string lines;
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
      lines += std::string("  ") + kind + "_temp_path " + at + "/" + kind + ";\n";
    return lines;
  }();
  const auto config = directory_.file(
      "nginx.conf", "daemon off;\nmaster_process off;\nworker_processes 1;\npid " + at +
                        "/pid;\nerror_log stderr warn;\nevents { worker_connections 4096; }\n"
                        "http {\n  access_log off;\n  keepalive_timeout 300s;\n  keepalive_requests 100000000;\n  "
                        "client_body_buffer_size 1m;\n  client_max_body_size 8m;\n" +
                        temporary + "  server {\n    listen 127.0.0.1:" + std::to_string(port_) +
                        " backlog=4096;\n    location / { return 204; }\n    location = /requests { stub_status; }\n  }\n}\n");
  child_.emplace(std::vector<std::string>{"/usr/sbin/nginx", "-p", at, "-e", "stderr", "-c", config.string()});
  const bool answers = eventually([&] {
    try {
      requests();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  });
  if (!answers) throw std::runtime_error("nginx did not start: " + child_->err());
}

std::string Nginx::url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

std::uint64_t Nginx::requests() const {
  const std::string body = http_raw(port_, "GET /requests HTTP/1.0\r\n\r\n").body;
  // "server accepts handled requests\n 3 3 7 \n"
  std::istringstream words(body.substr(std::min(body.size(), body.find("requests") + 8)));
  std::uint64_t accepts = 0, handled = 0, count = 0;
  if (!(words >> accepts >> handled >> count)) throw std::runtime_error("no status of nginx: " + body);
  return count - ++asked_;
}

}  // namespace fraiseql::test
