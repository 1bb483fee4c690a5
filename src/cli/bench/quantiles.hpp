// What summary and JSON both name.
#pragma once

#include <string>

namespace settle::bench {

struct options;

struct named_quantile {
  const char* name;
  double fraction;
};
inline constexpr named_quantile quantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

/// E.g. `GET /livez`.
std::string request_name(const options& wanted);

}  // namespace settle::bench
