// Any condition on any row: never a crash, never a mistake reported outside the text, never two answers.
//
//   build/asan/tests/fuzz_condition [--seconds N] [--seed N]     mutations of its own; built by every preset
//
// The same as a target of libFuzzer, which learns from the branches it reaches, on one line:
//
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DLIBFUZZER -I. -o fuzz_condition
//     tests/fuzz/fuzz_condition.cpp tests/support/condition_mutations.cpp executor/language/{condition*,raw_json,decimal,caret}.cpp
//   ./fuzz_condition -max_total_time=60 -max_len=600
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/condition_mutations.hpp"

using namespace fraiseql::test;

namespace {

[[noreturn]] void found(const std::string& what, std::string_view condition, std::string_view data) {
  std::fprintf(stderr, "%s\ncondition: %.*s\ndata: %.*s\n", what.c_str(), static_cast<int>(condition.size()), condition.data(),
               static_cast<int>(data.size()), data.data());
  std::abort();
}

void try_or_abort(std::string_view condition, std::string_view data, std::string_view before, std::string_view changed) {
  if (const std::string what = try_condition(condition, data, before, changed); !what.empty()) found(what, condition, data);
}

}  // namespace

#ifdef LIBFUZZER

/// condition NUL data NUL before NUL changed
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  const auto take = [&] {
    const std::string part(rest.substr(0, rest.find('\0')));  // a copy, so that a read beyond its end is seen
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return part;
  };
  const std::string condition = take(), data = take(), before = take(), changed = take();
  try_or_abort(condition, data, before, changed);
  return 0;
}

#else

int main(int argc, char** argv) {
  double seconds = 10;
  std::uint64_t seed = std::random_device{}();
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if (i + 1 == argc || (option != "--seconds" && option != "--seed")) {
      std::fprintf(stderr, "usage: %s [--seconds N] [--seed N]\n", argv[0]);
      return 64;
    }
    if (option == "--seconds") seconds = std::atof(argv[i + 1]);
    if (option == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  ConditionMutations mutations(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  unsigned long long tries = 0;
  for (; std::chrono::steady_clock::now() < end; ++tries) {
    const std::string condition = mutations.condition(), data = mutations.json(), before = mutations.json();
    try_or_abort(condition, data, before, mutations.names());
  }
  std::printf("%llu conditions, nothing found\n", tries);
  return 0;
}

#endif
