#include "executor/jetstream/pull.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

namespace {
constexpr auto expires = 30s;
constexpr auto heartbeat = 3s;
}  // namespace

Pull::Pull(Loop& loop, natsConnection* connection, const std::string& stream, const std::string& consumer, Calls calls)
    : loop_(loop),
      connection_(connection),
      subject_("$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer),
      calls_(std::move(calls)) {
  subscribe();
}

Pull::~Pull() {
  loop_.cancel(silence_);
  loop_.cancel(pause_);
}

void Pull::subscribe() {
  inbox_ = new_inbox();
  mailbox_ =
      std::make_unique<Mailbox>(loop_, connection_, inbox_ + "*", [this](const nats::Message& message) { arrived(message); });
}

void Pull::ask(int batch) {
  if (open_ || batch < 1 || !ended_.empty()) return;
  loop_.cancel(pause_);
  open_ = true;
  left_ = batch;
  const auto ns = [](auto time) { return std::to_string(std::chrono::nanoseconds(time).count()); };
  const std::string json =
      "{\"batch\":" + std::to_string(batch) + ",\"expires\":" + ns(expires) + ",\"idle_heartbeat\":" + ns(heartbeat) + "}";
  const std::string reply = inbox_ + std::to_string(++number_);
  natsConnection_PublishRequest(connection_, subject_.c_str(), reply.c_str(), json.data(), static_cast<int>(json.size()));
  watch_silence();
}

// A consumer that is missing is silence on old servers, and so are too many pulls on new ones.
void Pull::watch_silence() {
  loop_.cancel(silence_);
  silence_ = loop_.after(3 * heartbeat, [this] {
    open_ = false;
    calls_.gone("no heartbeat of the pull");
  });
}

void Pull::lost() {
  loop_.cancel(silence_);
  open_ = false;
}

void Pull::end(std::function<void()> ended) {
  lost();
  loop_.cancel(pause_);
  ended_.push_back(std::move(ended));
  if (ended_.size() > 1) return;
  mailbox_->drain([this] {
    subscribe();  // replaces the mailbox that is calling
    std::vector<std::function<void()>> waiting;
    waiting.swap(ended_);
    for (const auto& call : waiting) call();
  });
}

void Pull::arrived(const nats::Message& message) {
  std::string text;
  if (const int code = status_of(message.get(), text)) {
    // Statuses are sent to the reply subject of their pull; those of an earlier one mean nothing now.
    const std::string_view subject = natsMsg_GetSubject(message.get());
    if (open_ && subject == inbox_ + std::to_string(number_)) status(code, text);
    return;
  }
  if (open_) watch_silence();
  if (open_ && --left_ <= 0) {
    open_ = false;
    loop_.cancel(silence_);
  }
  calls_.message(message);
  if (!open_) calls_.wanted();
}

void Pull::status(int code, const std::string& text) {
  if (code == 100) return watch_silence();
  if (code == 404 || code == 408) return close_after(0ms);
  if (code == 503 || text.find("Consumer Deleted") != std::string::npos ||
      text.find("Consumer is push based") != std::string::npos) {
    lost();
    return calls_.gone(text.empty() ? "nobody answers the pull" : text);
  }
  // Leadership change, server shutdown, too many pulls waiting, and whatever comes: again, after a breath.
  close_after(250ms);
}

void Pull::close_after(std::chrono::milliseconds pause) {
  lost();
  if (pause == 0ms) return calls_.wanted();
  pause_ = loop_.after(pause, [this] { calls_.wanted(); });
}

}  // namespace fraiseql
