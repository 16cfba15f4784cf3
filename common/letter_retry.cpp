#include "common/letter_retry.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <istream>
#include <ostream>
#include <stdexcept>
#include <thread>

#include "common/errors.hpp"
#include "common/text.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0;
}

std::string letter_complaint(const std::string& text) {
  std::uint64_t number = 0;
  return text == "-" || read_number(text, number) ? "" : text + ": not the number of a letter";
}

std::vector<std::uint64_t> numbers_of(const RetryRequest& request, std::istream& in) {
  std::vector<std::uint64_t> numbers;
  const auto add = [&](const std::string& text) {
    if (!read_number(text, numbers.emplace_back())) throw std::invalid_argument(text + ": not the number of a letter");
  };
  for (const std::string& text : request.letters) {
    if (text != "-") {
      add(text);
      continue;
    }
    for (std::string line; std::getline(in, line);)
      if (!line.empty()) add(line);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace

MoreOptions retry_options(RetryRequest& request) {
  return [&request](CLI::App& app) {
    auto* retry = app.add_option("--retry", request.letters,
                                 "retry these dead letters and end: their numbers, or - for a number a line on standard input")
                      ->type_name("NUMBER")
                      ->expected(1, -1)
                      ->check(letter_complaint);
    app.add_flag("--dry-run", request.dry_run, "with --retry: change nothing, print what would run")->needs(retry);
    app.add_option("--rate", request.rate, "with --retry: so many letters a second at most")
        ->type_name("N")
        ->check(CLI::Range(0.001, 1e6))
        ->needs(retry);
    app.add_option("--format", request.format, "with --retry: text or json")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"text", "json"}))
        ->needs(retry);
  };
}

void RetryReport::line(std::uint64_t number, const char* result, const std::string& what) {
  if (json_)
    out_ << "{\"number\":" << number << ",\"result\":\"" << result << "\",\"what\":" << nats::json_quoted(what) << "}";
  else
    out_ << "letter " << number << ": " << (std::string_view(result) == "would_run" ? "would run" : result)
         << (what.empty() ? "" : ": ") << one_line(what);
  out_ << std::endl;  // a line each as it happens, for whoever watches
}

void RetryReport::done(std::uint64_t number, const std::string& what) {
  ++done_;
  line(number, "done", what);
}

void RetryReport::failed(std::uint64_t number, const std::string& why) {
  ++failed_;
  line(number, "failed", why);
}

void RetryReport::would_run(std::uint64_t number, const std::string& what) {
  ++would_run_;
  line(number, "would_run", what);
}

int RetryReport::end(bool stopped) {
  if (!json_) {
    if (dry_run_) out_ << would_run_ << " would run, " << failed_ << " could not" << std::endl;
    else out_ << done_ << " done, " << failed_ << " failed" << (stopped ? "; stopped before the rest" : "") << std::endl;
  }
  return failed_ > 0 || stopped ? 1 : 0;
}

Retried no_such_letter() { return {Retried::How::failed, "there is no such letter"}; }

void remove_surely(std::uint64_t number, const std::function<void()>& remove) {
  for (int tries = 1;; ++tries) {
    try {
      return remove();
    } catch (const Unavailable& e) {
      if (tries == 5)
        throw Unavailable("letter " + std::to_string(number) + " is done, and could not be removed: " + e.what());
    }
    std::this_thread::sleep_for(1s);
  }
}

int retry_letters(const RetryRequest& request, StopSignal& stop, std::istream& in, std::ostream& out,
                  const std::function<Retried(std::uint64_t)>& retry) {
  using Clock = std::chrono::steady_clock;
  RetryReport report(out, request);
  const auto spacing = request.rate > 0 ? std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / request.rate))
                                        : Clock::duration{};
  Clock::time_point due{};
  for (const std::uint64_t number : numbers_of(request, in)) {
    const auto now = Clock::now();
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(due - now);
    if (due > now && !request.dry_run ? stop.wait_for(pause) : stop.requested()) return report.end(true);
    due = std::max(due, now) + spacing;
    const Retried retried = retry(number);
    switch (retried.how) {
      case Retried::How::failed:
        report.failed(number, retried.what);
        break;
      case Retried::How::would_run:
        report.would_run(number, retried.what);
        break;
      case Retried::How::done:
        report.done(number, retried.what);
    }
  }
  return report.end(false);
}

int retry_letters(const nats::DeadLetterStream& letters, const RetryRequest& request, StopSignal& stop, std::istream& in,
                  std::ostream& out, const std::function<Retried(const nats::StoredLetter&)>& retry) {
  return retry_letters(request, stop, in, out, [&](std::uint64_t number) {
    const auto letter = letters.get(number);
    if (!letter) return no_such_letter();
    Retried retried = retry(*letter);
    if (retried.how == Retried::How::done) remove_surely(number, [&] { letters.remove(number); });
    return retried;
  });
}

}  // namespace fraiseql
