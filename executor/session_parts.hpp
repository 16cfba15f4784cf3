#pragma once

#include "common/config.hpp"

namespace fraiseql {

class AddressPolicy;
class ObserverFile;
class Reporter;
class StopSignal;
class Tally;

/// What a session of an executor works with. Everything is kept by reference.
struct SessionParts {
  const ExecutorConfig& config;
  ObserverFile& observers;
  const AddressPolicy& addresses;
  Tally& tally;
  Reporter& reporter;
  StopSignal& stop;
};

}  // namespace fraiseql
