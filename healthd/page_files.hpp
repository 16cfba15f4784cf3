#pragma once

#include <string_view>

/// The files of healthd/page/, put into the program by the build.
namespace fraiseql::page_files {

extern const std::string_view html;
extern const std::string_view css;  ///< all style sheets
extern const std::string_view js;   ///< all scripts, in the order of their names

}  // namespace fraiseql::page_files
