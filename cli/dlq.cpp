#include "cli/dlq.hpp"

#include <sysexits.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <map>

#include "cli/letter_store.hpp"
#include "cli/terminal.hpp"
#include "cli/time_text.hpp"
#include "common/nats/server_time.hpp"

namespace fraiseql {
namespace {

// Empty, or there is no queue: said once, in words, on standard output.
bool nothing_there(LetterStore& letters, std::ostream& out, bool json) {
  const auto info = letters.info();
  if (info && info->letters > 0) return false;
  if (!json)
    out << (info ? "the dead letter queue is empty (" : "there is no dead letter queue yet (") << letters.place() << ")" << std::endl;
  return true;
}

}  // namespace

std::string read_after(const std::string& text, LetterFilter& filter) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), filter.after_number);
  if (error == std::errc{} && end == text.data() + text.size()) return {};
  filter.after_number = 0;
  const auto time = rfc3339_time(text);
  if (!time) return text + ": neither a letter's number nor a time such as 2024-01-15T10:30:00Z";
  filter.from_time = *time;
  return {};
}

int dlq_list(const General& general, const DlqOptions& options, std::ostream& out) {
  const auto letters = open_letters(general);
  const std::size_t width = line_width();
  std::uint64_t shown = 0;
  if (general.json) out << "{\"letters\":[";
  if (!nothing_there(*letters, out, general.json))
    letters->each(options.filter, [&](const ShownLetter& letter) {
      if (general.json) out << (shown == 0 ? "\n{" : ",\n{") << json_members_of(letter.facts) << "}";
      else out << (shown == 0 ? list_heading() + "\n" : "") << list_line(letter.facts, width) << "\n";
      ++shown;
      return out.good();
    });
  else if (!general.json) return EX_OK;
  if (general.json) out << (shown == 0 ? "]}" : "\n]}") << std::endl;
  else if (shown == 0) out << "no letter is like that" << std::endl;
  out.flush();
  return EX_OK;
}

int dlq_show(const General& general, const DlqOptions& options, std::ostream& out) {
  const auto letters = open_letters(general);
  const auto letter = letters->get(options.numbers.front());
  if (!letter) {
    std::cerr << "fraiseql: there is no letter " << options.numbers.front() << " in " << letters->place() << std::endl;
    return 1;
  }
  if (general.json) out << full_json(*letter) << std::endl;
  else out << full_text(*letter) << std::flush;
  return EX_OK;
}

int dlq_stats(const General& general, std::ostream& out) {
  const auto letters = open_letters(general);
  const auto info = letters->info();
  std::map<std::string, std::uint64_t> reasons, observers, entities;
  std::optional<ShownLetter> oldest, newest;
  std::uint64_t count = 0;
  if (info)
    letters->each({}, [&](const ShownLetter& letter) {
      const LetterFacts& facts = letter.facts;
      ++count;
      ++reasons[facts.reason];
      if (!facts.observer.empty()) ++observers[facts.observer];
      ++entities[facts.entity];
      if (!oldest) oldest = letter;
      newest = letter;
      return true;
    });
  const std::int64_t cap = info ? info->cap : 0;
  if (general.json) {
    const auto counts = [](const std::map<std::string, std::uint64_t>& all) {
      std::string made = "{";
      for (const auto& [name, number] : all) made += (made.size() > 1 ? "," : "") + json_text(name) + ":" + std::to_string(number);
      return made + "}";
    };
    const auto end = [](const std::optional<ShownLetter>& letter) {
      return letter ? "{\"number\":" + std::to_string(letter->facts.number) + ",\"stored_at\":" + json_text(nats::rfc3339(letter->stored_at_ns)) + "}"
                    : std::string("null");
    };
    out << "{" << letters->place_json() << ",\"letters\":" << count << ",\"bytes\":" << (info ? info->bytes : 0)
        << ",\"cap\":" << (cap > 0 ? std::to_string(cap) : "null") << ",\"oldest\":" << end(oldest) << ",\"newest\":" << end(newest)
        << ",\"by_reason\":" << counts(reasons) << ",\"by_observer\":" << counts(observers) << ",\"by_entity\":" << counts(entities) << "}"
        << std::endl;
    return EX_OK;
  }
  if (count == 0 && nothing_there(*letters, out, false)) return EX_OK;
  out << count << " letters in " << letters->place() << ", "
      << (cap > 0 ? "at most " + std::to_string(cap) + " (observers.max_dlq_size)" : std::string("no cap")) << "\n";
  if (oldest) out << "oldest  " << oldest->facts.number << "  " << nats::rfc3339(oldest->stored_at_ns) << "\n";
  if (newest) out << "newest  " << newest->facts.number << "  " << nats::rfc3339(newest->stored_at_ns) << "\n";
  const auto counts = [&](const char* of, const std::map<std::string, std::uint64_t>& all) {
    if (all.empty()) return;
    out << "by " << of << "\n";
    for (const auto& [name, number] : all) out << "  " << number << "\t" << json_text(name).substr(1, json_text(name).size() - 2) << "\n";
  };
  counts("reason", reasons);
  counts("observer", observers);
  counts("entity", entities);
  out.flush();
  return EX_OK;
}

int dlq_remove(const General& general, const DlqOptions& options, std::ostream& out) {
  const auto letters = open_letters(general);
  std::vector<std::uint64_t> numbers = options.numbers;
  // Read first, so that nothing is removed under the reading.
  if (options.all)
    letters->each(options.filter, [&](const ShownLetter& letter) {
      numbers.push_back(letter.facts.number);
      return true;
    });
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  const std::vector<std::uint64_t> missing = letters->remove(numbers);
  const std::size_t removed = numbers.size() - missing.size();
  if (general.json) {
    std::string absent;
    for (const std::uint64_t number : missing) absent += (absent.empty() ? "" : ",") + std::to_string(number);
    out << "{\"removed\":" << removed << ",\"missing\":[" << absent << "]}" << std::endl;
  } else {
    for (const std::uint64_t number : missing) std::cerr << "fraiseql: there is no letter " << number << std::endl;
    out << removed << " removed" << std::endl;
  }
  // With --all it is no mistake that somebody else was quicker.
  return missing.empty() || options.all ? EX_OK : 1;
}

}  // namespace fraiseql
