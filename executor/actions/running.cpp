#include "executor/actions/running.hpp"

#include <utility>

#include "executor/blocking.hpp"
#include "executor/language/template.hpp"
#include "executor/loop.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

class Nothing : public Running {
 public:
  Nothing(Loop& loop, Outcome outcome, Action::Done done)
      : loop_(loop), timer_(loop.after(0ms, [outcome = std::move(outcome), done = std::move(done)] { done(outcome); })) {}
  ~Nothing() override { loop_.cancel(timer_); }

 private:
  Loop& loop_;
  Loop::Timer timer_;
};

class Request : public Running {
 public:
  Request(HttpClient& http, HttpRequest request, std::optional<std::string> body, Action::Done done)
      : http_(http), body_(std::move(body)) {
    if (body_) request.body = *body_;
    number_ = http_.start(std::move(request), std::move(done));
  }
  ~Request() override { http_.cancel(number_); }

 private:
  HttpClient& http_;
  std::optional<std::string> body_;
  std::uint64_t number_;
};

class Elsewhere : public Running {
 public:
  Elsewhere(const ActionTools& tools, BlockingWork work, Action::Done done)
      : loop_(tools.loop), done_(std::make_shared<Action::Done>(std::move(done))) {
    // The thread keeps no strong hold of `done`: it belongs to the loop.
    const std::weak_ptr<Action::Done> weak = done_;
    const auto tell = [weak](const Outcome& outcome) {
      const auto kept = weak.lock();
      if (!kept || !*kept) return;
      const Action::Done once = std::exchange(*kept, nullptr);
      once(outcome);
    };
    limit_ = loop_.after(work.limit, [this, tell, limit = work.limit] {
      stop_.request_stop();
      tell({Failure::timeout, 0, "no answer within " + std::to_string(limit.count()) + " ms", {}});
    });
    tools.blocking.run(work.lane, [run = std::move(work.run), token = stop_.get_token(), tell, &loop = tools.loop] {
      if (token.stop_requested()) return;
      Outcome outcome;
      try {
        outcome = run(token);
      } catch (const Unrenderable& e) {
        outcome = {Failure::unusable_template, 0, e.what(), {}};
      } catch (const std::exception& e) {
        outcome = {Failure::network, 0, e.what(), {}};
      }
      if (!token.stop_requested()) loop.post([tell, outcome = std::move(outcome)] { tell(outcome); });
    });
  }
  ~Elsewhere() override {
    loop_.cancel(limit_);
    stop_.request_stop();
  }

 private:
  Loop& loop_;
  std::shared_ptr<Action::Done> done_;
  std::stop_source stop_;
  Loop::Timer limit_;
};

}  // namespace

std::unique_ptr<Running> run_nothing(Loop& loop, Outcome outcome, Action::Done done) {
  return std::make_unique<Nothing>(loop, std::move(outcome), std::move(done));
}

std::unique_ptr<Running> run_request(HttpClient& http, HttpRequest request, std::optional<std::string> body, Action::Done done) {
  return std::make_unique<Request>(http, std::move(request), std::move(body), std::move(done));
}

std::unique_ptr<Running> run_blocking(const ActionTools& tools, BlockingWork work, Action::Done done) {
  return std::make_unique<Elsewhere>(tools, std::move(work), std::move(done));
}

}  // namespace fraiseql
