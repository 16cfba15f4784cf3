#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/servers.hpp"
#include "tests/support/webhook_receiver.hpp"

namespace fraiseql::test {

/// A fresh migrated database, a receiver for webhooks, and executors that read the change log themselves.
struct LogExecutorFixture {
  std::string database = migrated_database();
  TempDir directory;
  WebhookReceiver receiver;

  /// The settings of an executor. What a test changes, it changes before `start`.
  struct Config {
    int max_concurrency = 20;
    int channel_capacity = 1000;
    std::string shutdown_timeout = "10s";
    std::string transport;     ///< more lines of [transport.bridge]
    std::string max_dlq_size;  ///< empty: unlimited
    std::string observers;     ///< the [[observers]] tables
    int health_port = 0;       ///< 0: none is listened on
  } config;

  std::string webhook(const std::string& name, const std::string& path, const std::string& entity = "*", const std::string& action = "",
                      const std::string& retry = "max_attempts = 3\ninitial_delay_ms = 20\n") const;
  std::vector<std::string> arguments();  ///< --config and --app-config, with files of these settings
  Child::Options environment() const;
  Child start(std::vector<std::string> more = {});

  /// Rows of one statement; data is {"e": entity, "n": number}.
  void insert(int count, int entities = 10, const std::string& entity = "Order") const;
  std::int64_t rows() const;
  std::int64_t cursor() const;                 ///< last_pk of the checkpoint, 0 when there is none
  bool settled() const;                        ///< the checkpoint covers the whole log, and no window is open
  std::set<std::string> ids() const;           ///< of all rows
  std::string letters(const std::string& columns) const;  ///< rows of the dead letter table, in order

  static std::set<std::string> ids_of(const std::vector<WebhookReceiver::Request>& requests);
  /// Entities whose changes did not come in the order of their pks at their first arrival.
  static std::size_t misordered(const std::vector<WebhookReceiver::Request>& requests);
};


}  // namespace fraiseql::test
