#include "tests/support/programs.hpp"

namespace fraiseql::test {

const char* const PG2NATS_BRIDGE = PATH_OF_BRIDGE;
const char* const EXECUTOR = PATH_OF_EXECUTOR;
const char* const HEALTHD = PATH_OF_HEALTHD;
const char* const FRAISEQL_COMMAND = PATH_OF_COMMAND;
const char* const SOURCE_DIR = PATH_OF_SOURCES;

}  // namespace fraiseql::test
