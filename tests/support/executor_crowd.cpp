#include "tests/support/executor_crowd.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <map>
#include <ostream>
#include <set>
#include <unordered_set>

#include "tests/support/stream_reader.hpp"

namespace fraiseql::test {

using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;
using Request = WebhookReceiver::Request;

namespace {

constexpr int entities = 40;

/// The part of a path that names the action, and the number of the process before it: /p12/first.
std::string action_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::size_t process_of(const std::string& path) { return static_cast<std::size_t>(std::atoi(path.c_str() + 2)); }

std::string id_of(const Request& request) {
  const auto found = request.headers.find("webhook-id");
  return found == request.headers.end() ? std::string() : found->second;
}

std::string ms(ExecutorCrowd::Time time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

bool succeeded(const Request& request) { return request.answered >= 200 && request.answered < 300; }

}  // namespace

ExecutorCrowd::ExecutorCrowd(unsigned seed)
    : dice(seed), seed_(seed), link_(nats_settings(config.nats_url), nats::Link::Reconnect::always, "acks") {
  config.ack_wait_secs = 3;
  config.max_concurrency = config.max_per_host = at_once;
  config.channel_capacity = 5 * at_once;
  receiver.answer_by([this](const Request& request, std::size_t earlier) { return answer(request, earlier); });
  const auto seen = [](natsConnection*, natsSubscription*, natsMsg* raw, void* self) {
    const nats::Message message(raw);
    static_cast<ExecutorCrowd*>(self)->ack_seen(natsMsg_GetSubject(raw));
  };
  acks_ = nats::make<nats::Subscription>("watch acks", natsConnection_Subscribe, link_.get(),
                                         ("$JS.ACK." + stream + "." + consumer + ".>").c_str(), seen, this);
  client_ = std::jthread([this](const std::stop_token& stop) { publish_all(stop); });
}

ExecutorCrowd::~ExecutorCrowd() {
  client_.request_stop();
  client_.join();
  receiver.answer_by({});
}

// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>; all acks, and +WPI.
void ExecutorCrowd::ack_seen(std::string_view subject) {
  int deliveries = 0, number = 0;
  std::uint64_t sequence = 0;
  const std::string tail(subject.substr(("$JS.ACK." + stream + "." + consumer + ".").size()));
  if (std::sscanf(tail.c_str(), "%d.%d.%" SCNu64, &deliveries, &number, &sequence) != 3 || deliveries != 1) return;
  const std::lock_guard lock(mutex_);
  first_deliveries_[number].insert(sequence);
}

ExecutorCrowd::Process ExecutorCrowd::start_one() {
  const std::size_t number = ++started_;
  const std::string base = receiver.url("/p" + std::to_string(number) + "/");
  const std::string retry = "max_attempts = 15\ninitial_delay_ms = 30\nmax_delay_ms = 300\n";
  const auto action = [&](const std::string& name) { return "[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + base + name + "\"\n"; };
  config.observers = webhook("one", base + "one", "Order", "", retry) + "[[observers]]\nname = \"two\"\nentity = \"Invoice\"\n" +
                     action("first") + action("second") + "[observers.retry]\n" + retry;
  return {number, start()};
}

void ExecutorCrowd::kill(Process& process) {
  process.child.kill();
  const std::lock_guard lock(mutex_);
  killed_[process.number] = std::chrono::steady_clock::now();
}

void ExecutorCrowd::server_dies() {
  const std::lock_guard lock(mutex_);
  server_died_.push_back({std::chrono::steady_clock::now(), state_written()});
}

// A disk that is busy with other servers' files makes it wait: newer servers sync the file each time.
ExecutorCrowd::Time ExecutorCrowd::state_written() const {
  using Clock = std::filesystem::file_time_type::clock;
  std::error_code missing;
  const auto file = nats_server().store() / "jetstream" / "$G" / "streams" / stream / "obs" / consumer / "o.dat";
  const auto written = std::filesystem::last_write_time(file, missing);
  const auto now = std::chrono::steady_clock::now();
  return missing ? now : now - std::chrono::duration_cast<Time::duration>(Clock::now() - written);
}

std::size_t ExecutorCrowd::succeeded_so_far() const {
  const std::lock_guard lock(mutex_);
  return done_.size();
}

bool ExecutorCrowd::acts(const Process& process) const {
  const std::lock_guard lock(mutex_);
  return acting_.contains(process.number);
}

Answer ExecutorCrowd::answer(const Request& request, std::size_t earlier) {
  const std::string id = id_of(request), action = action_of(request.path);
  const std::lock_guard lock(mutex_);
  acting_.insert(process_of(request.path));
  const auto found = made_.find(id);
  Answer given = found != made_.end() && found->second.hopeless && action != "second" ? Answer{422, "no"} : drawn(id + action, earlier);
  if (action != "first" && given.how == Answer::How::whole && given.status == 200) done_.insert(id);
  return given;
}

// What an answer is depends on event, action and try alone, so a seed replays it whoever asks.
Answer ExecutorCrowd::drawn(const std::string& what, std::size_t earlier) const {
  std::seed_seq seed{seed_, static_cast<unsigned>(std::hash<std::string>{}(what)), static_cast<unsigned>(earlier)};
  std::mt19937 draw(seed);
  const auto die = draw() % 100;
  if (die < 10) return {500};
  if (die < 14) return {503};
  if (die < 19) return {200, "", {}, 0ms, Answer::How::reset};
  if (die < 22) return {200, "", {}, 0ms, Answer::How::reset_inside};
  if (die < 34) return {200, "", {}, std::chrono::milliseconds(50 + draw() % 350)};
  return {200, "ok", {}, std::chrono::milliseconds(5 + draw() % 20)};
}

void ExecutorCrowd::publish_all(const std::stop_token& stop) {
  std::mt19937 draw(seed_ + 1);
  while (!stop.stop_requested()) {
    if (published_ >= allowed_) {
      std::this_thread::sleep_for(2ms);
      continue;
    }
    const int number = static_cast<int>(published_) + 1;
    char id[40];
    std::snprintf(id, sizeof id, "%08x-0000-4000-8000-%012d", seed_, number);
    Made made;
    made.number = number;
    made.two_actions = draw() % 4 == 0;
    made.hopeless = draw() % 50 == 0;
    const std::string kind = made.two_actions ? "Invoice" : "Order", entity = std::to_string(draw() % entities);
    made.entity = kind + entity;
    made.at = std::chrono::steady_clock::now();
    {
      const std::lock_guard lock(mutex_);
      made_[id] = made;
    }
    // The server may be away; the id makes a repeat harmless.
    while (!stop.stop_requested()) try {
        publish({.id = id, .entity = kind, .operation = "UPDATE", .entity_id = entity, .data = "{\"n\":" + std::to_string(number) + "}"});
        ++published_;
        break;
      } catch (const std::exception&) {
        std::this_thread::sleep_for(20ms);
      }
    std::this_thread::sleep_for(std::chrono::microseconds(draw() % 4000));
  }
}

bool ExecutorCrowd::all_over() {
  if (published_ < allowed_) return false;
  std::unordered_set<std::string> done;
  {
    const std::lock_guard lock(mutex_);
    if (done_.size() + messages(stream + "_dlq") < published_) return false;
    done = done_;
  }
  for (const auto& letter : letters()) done.insert(std::string(letter.header("Fraiseql-Event-Id")));
  return done.size() >= published_;
}

ExecutorCrowd::Judgement ExecutorCrowd::judge() {
  const auto requests = receiver.requests();
  const auto dead = letters();
  const bool gives_again = nats_server().gives_acknowledged_again();
  const std::lock_guard lock(mutex_);
  Judgement judgement;
  judgement.events = made_.size();
  judgement.requests = requests.size();

  std::unordered_set<std::string> over, letter_ids, buried;
  for (const auto& letter : dead) {
    const std::string id(letter.header("Fraiseql-Event-Id")), reason(letter.header("Fraiseql-Dlq-Reason"));
    ++judgement.letters;
    judgement.letters_twice += !letter_ids.insert(std::string(letter.header("Nats-Msg-Id"))).second;
    const auto made = made_.find(id);
    if (reason == "max_deliveries") ++judgement.condemned;
    else if (made == made_.end() || !made->second.hopeless) ++judgement.unplanned;
    buried.insert(id);
    over.insert(id);
  }

  // Who answered what, in order: an action that is repeated must be among the last that a killed process had done.
  std::unordered_map<std::size_t, std::vector<const Request*>> by_process;
  for (const Request& request : requests) by_process[process_of(request.path)].push_back(&request);
  std::unordered_map<const Request*, std::size_t> from_the_end;
  for (auto& [number, of_it] : by_process) {
    auto by_answer = of_it;
    // One that has no answer yet is in flight: later than all that have.
    std::sort(by_answer.begin(), by_answer.end(), [](const Request* a, const Request* b) {
      const Time end = Time::max();
      return (a->answered_at == Time{} ? end : a->answered_at) < (b->answered_at == Time{} ? end : b->answered_at);
    });
    for (std::size_t i = 0; i < by_answer.size(); ++i) from_the_end[by_answer[i]] = by_answer.size() - i;
  }
  std::unordered_map<std::string, const Request*> success;  // the last one, by event and action
  std::unordered_map<std::size_t, std::size_t> caused;
  std::unordered_set<std::string> second_begun, given, culprits;
  for (const Request& request : requests) {
    const std::string id = id_of(request), action = action_of(request.path);
    const auto made = made_.find(id);
    if (made == made_.end() || request.body.find("\"data\":{\"n\":" + std::to_string(made->second.number) + "}") == std::string::npos) {
      ++judgement.strange;
      continue;
    }
    if (action == "second") second_begun.insert(id);
    const bool again = action == "first" && second_begun.contains(id);
    const Request*& before = success[id + action];
    if (before && before->answered_at <= request.at) {
      ++judgement.repeated;
      const std::size_t who = process_of(before->path);
      judgement.most_per_kill = std::max(judgement.most_per_kill, ++caused[who]);
      const bool of_a_kill = killed_.contains(who) && from_the_end[before] <= 2 * at_once;
      // Acks are written every 100 ms when the disk is quick, and what was settled is looked up every second.
      const bool forgotten = std::any_of(server_died_.begin(), server_died_.end(), [&](const Death& death) {
        return before->answered_at > std::min(death.at - 2s, death.written - 1s) && before->answered_at < death.at + 5s;
      });
      if (!of_a_kill && !forgotten) {
        // Two deliveries of it were each called the first. The ack of the second one dies with who was killed before it.
        const bool unseen = killed_.contains(process_of(request.path)) && from_the_end[&request] <= 2 * at_once;
        const bool server = gives_again && (first_deliveries_[made->second.number].size() > 1 || unseen);
        ++(server ? judgement.given_again : judgement.unexplained);
        if (!server) culprits.insert(id);
        if (server) given.insert(id);
      }
      before = nullptr;  // the tries of one repeat are one
    }
    if (again && !given.contains(id)) {
      ++judgement.again_first;
      culprits.insert(id);
    }
    if (succeeded(request)) {
      before = &request;
      if (action != "first") over.insert(id);
    }
  }

  for (const Request& request : requests)
    if (culprits.contains(id_of(request)))
      judgement.story += "\n" + id_of(request) + " " + request.path + " at " + ms(request.at) + " answered " +
                         std::to_string(request.answered) + " at " + ms(request.answered_at) +
                         (killed_.contains(process_of(request.path)) ? ", killed at " + ms(killed_.at(process_of(request.path))) : "") +
                         ", " + std::to_string(from_the_end[&request]) + " from its end";
  if (!culprits.empty())
    for (const Death& death : server_died_)
      judgement.story += "\nthe server died at " + ms(death.at) + ", its acks were written at " + ms(death.written);
  for (const auto& [id, made] : made_) {
    judgement.lost += !over.contains(id);
    judgement.hopeless += made.hopeless;
    judgement.without_letter += made.hopeless && !buried.contains(id);
  }

  // The order of an entity, within each process.
  for (const auto& [number, of_it] : by_process) {
    std::unordered_map<std::string, const Request*> last;       // by entity
    std::unordered_map<std::string, std::set<int>> gone_on_from;  // by entity
    for (const Request* request : of_it) {
      const auto made = made_.find(id_of(*request));
      if (made == made_.end()) continue;
      const std::string& entity = made->second.entity;
      const int n = made->second.number;
      const Request*& before = last[entity];
      if (before) {
        const Made& earlier = made_.at(id_of(*before));
        judgement.overlapping += before->answered_at == Time{} || before->answered_at > request->at;
        if (earlier.number != n) gone_on_from[entity].insert(earlier.number);
        judgement.interleaved += gone_on_from[entity].contains(n);
        // Legitimate when another process held the earlier change and was killed: it comes here by another delivery.
        if (earlier.number > n)
          judgement.inverted += std::none_of(server_died_.begin(), server_died_.end(), [&](const Death& death) {
            return made->second.at < death.at && death.at < request->at;
          }) && std::none_of(killed_.begin(), killed_.end(), [&](const auto& kill) {
            return kill.first != number && made->second.at < kill.second && kill.second + 1500ms < request->at;
          });
      }
      before = request;
    }
  }
  return judgement;
}

std::ostream& operator<<(std::ostream& out, const ExecutorCrowd::Judgement& j) {
  return out << "events " << j.events << ", requests " << j.requests << ", lost " << j.lost << ", strange " << j.strange << ", repeated "
             << j.repeated << " (unexplained " << j.unexplained << ", given again by the server " << j.given_again << ", most of one kill " << j.most_per_kill << "), overlapping "
             << j.overlapping << ", interleaved " << j.interleaved << ", inverted " << j.inverted << ", first again " << j.again_first
             << ", letters " << j.letters << " (twice " << j.letters_twice << ", condemned " << j.condemned << ", unplanned "
             << j.unplanned << "), hopeless " << j.hopeless << " (without letter " << j.without_letter << ")" << j.story;
}

}  // namespace fraiseql::test
