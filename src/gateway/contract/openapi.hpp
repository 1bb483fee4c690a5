// The OpenAPI 3.1 document, written from the tables of routes and problems.
#pragma once

#include <string>
#include <string_view>

namespace settle::gateway {

std::string openapi_document(std::string_view version);

}  // namespace settle::gateway
