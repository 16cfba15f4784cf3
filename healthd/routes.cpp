#include "healthd/routes.hpp"

#include "healthd/page.hpp"

namespace fraiseql {
namespace {

constexpr const char* text_type = "text/plain; charset=utf-8";

Response health_answer(const Request& request, Health& health) {
  Level level{};
  std::string body = health.health(has_parameter(request.query, "verbose"), level);
  return {level == Level::down ? 503 : 200, "application/json", std::move(body), ""};
}

Response ready_answer(const Request&, Health& health) {
  const bool down = health.level() == Level::down;
  return {down ? 503 : 200, text_type, down ? "down\n" : "ok\n", ""};
}

Response alive_answer(const Request&, Health&) { return {200, text_type, "ok\n", ""}; }

Response metrics_answer(const Request&, Health& health) { return {200, "text/plain; version=0.0.4; charset=utf-8", health.metrics(), ""}; }

/// Always 200: it is about the pipeline, not about us, and browsers take anything else for an error.
Response status_answer(const Request& request, Health& health) {
  return {200, "application/json", health.status(number_parameter(request.query, "since")), ""};
}

Response page_answer(const Request&, Health&) { return {200, "text/html; charset=utf-8", page().html, "", page().policy}; }

}  // namespace

Response route(const Request& request, Health& health) {
  static constexpr struct {
    std::string_view path;
    Response (*answer)(const Request&, Health&);
  } routes[] = {{"/health", health_answer}, {"/livez", alive_answer},         {"/readyz", ready_answer},
                {"/metrics", metrics_answer}, {"/status.json", status_answer}, {"/", page_answer}};
  for (const auto& one : routes) {
    if (request.path != one.path) continue;
    if (request.method != "GET") return {405, text_type, "Method Not Allowed\n", "GET"};
    return one.answer(request, health);
  }
  return {404, text_type, "Not Found\n", ""};
}

}  // namespace fraiseql
