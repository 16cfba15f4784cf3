#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace fraiseql {

/// One of our programs, beside this one. Throws ConfigError when it is not there.
std::filesystem::path sibling(const std::string& program);

/// Starts a program that dies with this process (SIGKILL), in a process group of its own: a Ctrl-C at the terminal
/// reaches only us, and who stops when is ours to say. Its standard input is `input`, or empty with -1; `output`, when not
/// -1, becomes its standard output and error. Throws std::system_error when there are no more processes.
pid_t spawn(std::vector<std::string> command, int output = -1, int input = -1);

/// "exit 1", "signal 9 (Killed)", from waitpid's status.
std::string ending(int status);

}  // namespace fraiseql
