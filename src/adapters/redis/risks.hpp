// What a server's settings put at risk.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/redis/url.hpp"

namespace settle::redis {

/// The settings that risks() looks at, for CONFIG GET.
const std::vector<std::string>& settings_of_interest();

/// Sentences for the operator; empty if all is well. A setting that is not there is not judged.
std::vector<std::string> risks(const std::map<std::string, std::string>& settings, deployment kind);

}  // namespace settle::redis
