// How the subcommands add their flags. A number has its range checked, and the help shows it as
// `--name UNIT=default`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace settle::cli {

/// The exit code where a command could not do what it was asked for: wrong flags among them.
inline constexpr int not_possible = 2;

/// Says why, and returns that code.
int fail(std::string_view command, const std::string& why);

template <class Number>
CLI::Option* add_number(CLI::App& command, const std::string& name, Number& value, Number least,
                        Number most, const std::string& unit, const std::string& help) {
  CLI::Range range(least, most);
  // What a help page needs is the unit; the range is named when it is missed.
  range.description("");
  return command.add_option(name, value, help)
      ->check(range)
      ->type_name(unit)
      ->capture_default_str();
}

/// `--no-NAME` turns `value` off; `--NAME` is understood, too, but not worth a line of help.
inline CLI::Option* add_switch_off(CLI::App& command, const std::string& name, bool& value,
                                   const std::string& help) {
  command.add_flag("--" + name, value)->group("");
  return command.add_flag_callback(
      "--no-" + name, [&value] { value = false; }, help);
}

}  // namespace settle::cli
