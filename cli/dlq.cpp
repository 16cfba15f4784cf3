#include "cli/dlq.hpp"

#include <sysexits.h>

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "cli/letter_text.hpp"
#include "cli/terminal.hpp"
#include "cli/time_text.hpp"
#include "common/config.hpp"
#include "common/errors.hpp"
#include "common/nats/server_time.hpp"

namespace fraiseql {
namespace {

NatsConfig config_for(const General& general) {
  Sources sources = general.sources;
  sources.users = for_bridge;  // a webhook's secret need not be set to look at letters
  const Settings settings = load(sources);
  if (settings.transport() != "nats")
    throw ConfigError(settings.origin("transport.transport") + ": transport.transport: " + settings.transport() +
                      ": fraiseql dlq reads the dead letter stream of NATS; with other transports: not supported yet");
  return nats_config(settings);
}

// Empty, or there is no stream: said once, in words, on standard output.
bool nothing_there(const DlqSession& session, std::ostream& out, bool json) {
  const auto info = session.letters().info();
  if (info && info->messages > 0) return false;
  if (!json)
    out << (info ? "the dead letter queue is empty (stream " : "there is no dead letter queue yet (stream ") << session.letters().name()
        << ")" << std::endl;
  return true;
}

}  // namespace

DlqSession::DlqSession(const General& general)
    : config_(config_for(general)), link_(config_, nats::Link::Reconnect::always, "fraiseql dlq"), letters_(link_, config_) {}

std::string read_after(const std::string& text, nats::LetterFilter& filter) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), filter.after_number);
  if (error == std::errc{} && end == text.data() + text.size()) return {};
  filter.after_number = 0;
  const auto time = rfc3339_time(text);
  if (!time) return text + ": neither a letter's number nor a time such as 2024-01-15T10:30:00Z";
  filter.from_time = *time;
  return {};
}

int dlq_list(const General& general, const DlqOptions& options, std::ostream& out) {
  const DlqSession session(general);
  const std::size_t width = line_width();
  std::uint64_t shown = 0;
  if (general.json) out << "{\"letters\":[";
  if (!nothing_there(session, out, general.json))
    session.letters().each(options.filter, [&](const nats::StoredLetter& letter) {
      const LetterFacts facts = facts_of(letter, session.letters());
      if (general.json) out << (shown == 0 ? "\n{" : ",\n{") << json_members_of(facts) << "}";
      else out << (shown == 0 ? list_heading() + "\n" : "") << list_line(facts, width) << "\n";
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
  const DlqSession session(general);
  const auto letter = session.letters().get(options.numbers.front());
  if (!letter) {
    std::cerr << "fraiseql: there is no letter " << options.numbers.front() << " in stream " << session.letters().name() << std::endl;
    return 1;
  }
  const LetterFacts facts = facts_of(*letter, session.letters());
  if (general.json) out << full_json(facts, *letter) << std::endl;
  else out << full_text(facts, *letter) << std::flush;
  return EX_OK;
}

int dlq_stats(const General& general, std::ostream& out) {
  const DlqSession session(general);
  const auto info = session.letters().info();
  std::map<std::string, std::uint64_t> reasons, observers, entities;
  std::optional<nats::StoredLetter> oldest, newest;
  std::uint64_t count = 0;
  if (info)
    session.letters().each({}, [&](const nats::StoredLetter& letter) {
      const LetterFacts facts = facts_of(letter, session.letters());
      ++count;
      ++reasons[facts.reason];
      if (!facts.observer.empty()) ++observers[facts.observer];
      ++entities[facts.entity];
      if (!oldest) oldest = letter;
      newest = letter;
      return true;
    });
  const bool capped = info && info->max_msgs > 0;
  if (general.json) {
    const auto counts = [](const std::map<std::string, std::uint64_t>& all) {
      std::string made = "{";
      for (const auto& [name, number] : all) made += (made.size() > 1 ? "," : "") + json_text(name) + ":" + std::to_string(number);
      return made + "}";
    };
    const auto end = [](const std::optional<nats::StoredLetter>& letter) {
      return letter ? "{\"number\":" + std::to_string(letter->number) + ",\"stored_at\":" + json_text(nats::rfc3339(letter->stored_at_ns)) + "}"
                    : std::string("null");
    };
    out << "{\"stream\":" << json_text(session.letters().name()) << ",\"letters\":" << count << ",\"bytes\":" << (info ? info->bytes : 0)
        << ",\"cap\":" << (capped ? std::to_string(info->max_msgs) : "null") << ",\"oldest\":" << end(oldest) << ",\"newest\":" << end(newest)
        << ",\"by_reason\":" << counts(reasons) << ",\"by_observer\":" << counts(observers) << ",\"by_entity\":" << counts(entities) << "}"
        << std::endl;
    return EX_OK;
  }
  if (count == 0 && nothing_there(session, out, false)) return EX_OK;
  out << count << " letters in stream " << session.letters().name() << ", "
      << (capped ? "at most " + std::to_string(info->max_msgs) + " (observers.max_dlq_size)" : std::string("no cap")) << "\n";
  if (oldest) out << "oldest  " << oldest->number << "  " << nats::rfc3339(oldest->stored_at_ns) << "\n";
  if (newest) out << "newest  " << newest->number << "  " << nats::rfc3339(newest->stored_at_ns) << "\n";
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
  const DlqSession session(general);
  std::vector<std::uint64_t> numbers = options.numbers, missing;
  // Read first, so that nothing is removed under the reading.
  if (options.all)
    session.letters().each(options.filter, [&](const nats::StoredLetter& letter) {
      numbers.push_back(letter.number);
      return true;
    });
  std::uint64_t removed = 0;
  const bool any = session.letters().info().has_value();
  for (const std::uint64_t number : numbers) {
    if (any && session.letters().remove(number)) ++removed;
    else missing.push_back(number);
  }
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
