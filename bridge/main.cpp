#include <memory>

#include "bridge/memory.hpp"
#include "bridge/publish_stats.hpp"
#include "bridge/session.hpp"
#include "common/config.hpp"
#include "common/log.hpp"
#include "common/postgres.hpp"
#include "common/reporter.hpp"
#include "common/session.hpp"
#include "common/stop.hpp"

int main() { return 0; }
