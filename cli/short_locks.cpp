#include "cli/short_locks.hpp"

#include <algorithm>
#include <iostream>
#include <thread>

#include "common/errors.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr auto give_up_after = 5min;

}  // namespace

std::string short_lock_settings() {
  return "SET LOCAL lock_timeout = '" + std::to_string(lock_wait.count()) +
         "ms';\nSET LOCAL idle_in_transaction_session_timeout = '5s';\nSET LOCAL client_min_messages = warning;\n";
}

void with_short_locks(Postgres& postgres, const std::string& who, const std::string& what, const std::function<void()>& body) {
  const auto deadline = std::chrono::steady_clock::now() + give_up_after;
  auto pause = 500ms;
  while (true) {
    try {
      postgres.transaction([&] {
        postgres.exec(short_lock_settings());
        body();
      });
      return;
    } catch (const SqlError& e) {
      const bool locked = e.sqlstate == "55P03" || e.sqlstate == "40P01";
      if (!locked) throw;
      if (std::chrono::steady_clock::now() > deadline)
        throw Unavailable(what + " stays locked by another session; see pg_stat_activity for long transactions");
      std::cerr << who << ": " << what << " is locked by another transaction; tries again in " << pause.count() << " ms" << std::endl;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(5000));
  }
}

}  // namespace fraiseql
