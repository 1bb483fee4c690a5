#include "gateway/contract/openapi.hpp"

#include <boost/json.hpp>
#include <map>
#include <vector>

#include "base/limits.hpp"
#include "base/money.hpp"
#include "gateway/contract/problem.hpp"
#include "gateway/contract/route_table.hpp"

namespace settle::gateway {
namespace {

namespace json = boost::json;

json::object reference(std::string_view kind, std::string_view name) {
  std::string target("#/components/");
  return {{"$ref", target.append(kind).append("/").append(name)}};
}

json::object integer(std::int64_t smallest, std::int64_t largest) {
  return {{"type", "integer"}, {"minimum", smallest}, {"maximum", largest}};
}

json::object object_of(json::object properties) {
  json::array required;
  for (const auto& property : properties) required.push_back(json::string(property.key()));
  return {{"type", "object"},
          {"required", std::move(required)},
          {"properties", std::move(properties)},
          {"additionalProperties", false}};
}

std::string_view schema_name(answer_schema schema) {
  switch (schema) {
    case answer_schema::text:
      return "text";
    case answer_schema::created_order:
      return "created_order";
    case answer_schema::created_item:
      return "created_item";
    case answer_schema::created_user:
      return "created_user";
    case answer_schema::batch_done:
      return "batch_done";
    case answer_schema::order:
      return "order";
    case answer_schema::item:
      return "item";
    case answer_schema::user:
      return "user";
    case answer_schema::history:
      return "history";
    case answer_schema::document:
      return "document";
  }
  return "?";
}

json::object history_schemas() {
  const json::object time{{"type", json::array{"string", "null"}}, {"format", "date-time"}};
  const json::object id_or_null{{"type", json::array{"string", "null"}}};
  return {
      {"step", object_of({
                   {"step", {{"enum", json::array{"charge", "reserve", "release", "refund"}}}},
                   {"partition", {{"type", "string"}}},
                   {"outcome", {{"enum", json::array{"pending", "done", "refused"}}}},
                   {"reason", id_or_null},
                   {"time", time},
                   {"answered", time},
               })},
      {"attempt", object_of({
                      {"attempt", integer(1, max_amount)},
                      {"outcome", {{"enum", json::array{"paid", "rejected", "running"}}}},
                      {"reason", id_or_null},
                      {"item_id", id_or_null},
                      {"started", time},
                      {"finished", time},
                      {"steps", {{"type", "array"}, {"items", reference("schemas", "step")}}},
                  })},
      {"history", object_of({
                      {"order_id", reference("schemas", "id")},
                      {"attempts", {{"type", "array"}, {"items", reference("schemas", "attempt")}}},
                      {"truncated", {{"type", "boolean"}}},
                  })},
  };
}

json::object problem_schema() {
  json::array codes;
  for (const problem_kind& kind : problem_kinds()) codes.push_back(json::string(kind.name));
  return object_of({
      {"type", {{"type", "string"}, {"format", "uri-reference"}}},
      {"title", {{"type", "string"}}},
      {"status", integer(400, 599)},
      {"detail", {{"type", "string"}}},
      {"code", {{"enum", std::move(codes)}}},
  });
}

json::object schemas() {
  const json::object id = reference("schemas", "id");
  // A compensation cannot be refused, so a balance may be beyond what an ordinary addition reaches.
  const json::object balance = integer(0, INT64_MAX);
  const json::object line{{"type", "array"},
                          {"prefixItems", json::array{id, integer(1, max_amount)}},
                          {"items", false},
                          {"minItems", 2}};
  json::object all = history_schemas();
  all["id"] =
      json::object{{"type", "string"},
                   {"pattern", "^[A-Za-z0-9._~-]{1," + std::to_string(limits::id_length) + "}$"}};
  all["text"] = json::object{{"type", "string"}};
  all["document"] = json::object{{"type", "object"}};
  all["created_order"] = object_of({{"order_id", id}});
  all["created_item"] = object_of({{"item_id", id}});
  all["created_user"] = object_of({{"user_id", id}});
  all["batch_done"] = object_of({{"msg", {{"type", "string"}}}});
  all["item"] = object_of({{"stock", balance}, {"price", integer(0, max_amount)}});
  all["user"] = object_of({{"user_id", id}, {"credit", balance}});
  all["order"] = object_of({
      {"order_id", id},
      {"paid", {{"type", "boolean"}}},
      {"items", {{"type", "array"}, {"items", line}, {"maxItems", limits::order_lines}}},
      {"user_id", id},
      {"total_cost", integer(0, max_amount)},
  });
  all["problem"] = problem_schema();
  return all;
}

json::object schema_of(const route_parameter& parameter) {
  switch (parameter.kind) {
    case parameter_kind::id:
      return reference("schemas", "id");
    case parameter_kind::amount:
      return integer(0, max_amount);
    case parameter_kind::positive:
      return integer(1, max_amount);
    case parameter_kind::count:
      return integer(0, static_cast<std::int64_t>(limits::batch_init_rows));
  }
  return {};
}

json::array parameters_of(const route& r) {
  json::array all;
  std::string_view rest = r.pattern;
  for (std::size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    const std::size_t close = rest.find('}');
    const route_parameter& parameter = parameter_of(rest.substr(open + 1, close - open - 1));
    all.push_back(json::object{{"name", parameter.name},
                               {"in", "path"},
                               {"required", true},
                               {"description", parameter.description},
                               {"schema", schema_of(parameter)}});
    rest.remove_prefix(close + 1);
  }
  if (r.method == http_method::post) all.push_back(reference("parameters", "idempotency_key"));
  all.push_back(reference("parameters", "traceparent"));
  return all;
}

json::object success_of(const route& r) {
  const bool is_text = r.answer == answer_schema::text;
  const std::string_view type = is_text ? media::text : media::json;
  json::object content{{"schema", reference("schemas", schema_name(r.answer))}};
  if (!r.example.empty()) {
    content["example"] = is_text ? json::value(r.example) : json::parse(r.example);
  }
  return {{"description", r.summary}, {"content", json::object{{type, std::move(content)}}}};
}

/// The answer for one status: every code that has it, with an example each.
json::object refusal_of(const std::vector<const problem_kind*>& kinds) {
  json::object examples;
  std::string description;
  json::object headers;
  for (const problem_kind* kind : kinds) {
    if (!description.empty()) description.append("; ");
    description.append(kind->title);
    const json::object example{{"type", problem_type(kind->code)},
                               {"title", kind->title},
                               {"status", kind->status},
                               {"detail", kind->title},
                               {"code", kind->name}};
    examples[kind->name] = json::object{{"value", example}};
    if (kind->retry_after_s > 0) headers["Retry-After"] = reference("headers", "retry_after");
    if (kind->code == problem_code::method_not_allowed) {
      headers["Allow"] = reference("headers", "allow");
    }
  }
  json::object answer{
      {"description", description},
      {"content",
       json::object{{media::problem, json::object{{"schema", reference("schemas", "problem")},
                                                  {"examples", std::move(examples)}}}}}};
  if (!headers.empty()) answer["headers"] = std::move(headers);
  return answer;
}

json::object responses_of(const route& r) {
  const problem_set refusals =
      r.refusals | transport_refusals() | problems(problem_code::method_not_allowed);
  std::map<std::string, std::vector<const problem_kind*>> by_status;
  for (const problem_kind& kind : problem_kinds()) {
    if ((refusals & problems(kind.code)) == 0) continue;
    by_status[std::to_string(kind.status)].push_back(&kind);
  }
  json::object all{{"200", success_of(r)}};
  for (const auto& [status, kinds] : by_status) all[status] = refusal_of(kinds);
  return all;
}

json::object operation_of(const route& r, std::string_view name) {
  return {{"operationId", name},
          {"tags", json::array{json::string(r.tag)}},
          {"summary", r.summary},
          {"parameters", parameters_of(r)},
          {"responses", responses_of(r)}};
}

/// `/orders/batch_init/{n}/...` -> `orders_batch_init`.
std::string operation_name(const route& r) {
  std::string name;
  for (const char c : r.pattern.substr(0, r.pattern.find("/{"))) {
    if (c == '/' && name.empty()) continue;
    name.push_back(c == '/' || c == '.' ? '_' : c);
  }
  return name.empty() ? "index" : name;
}

json::object shared_parameters() {
  return {
      {"idempotency_key",
       {{"name", "Idempotency-Key"},
        {"in", "header"},
        {"required", false},
        {"description",
         "A string in double quotes, scoped to method and path: the same key has its effect once "
         "and gets the same answer, for 24 hours"},
        {"schema",
         {{"type", "string"}, {"pattern", "^(\"[ -~]{1,255}\"|[!#-+\\--:<-\\[\\]-~]{1,255})$"}}},
        {"example", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\""}}},
      {"traceparent",
       {{"name", "traceparent"},
        {"in", "header"},
        {"required", false},
        {"description", "W3C Trace Context, passed on; ignored if it is malformed"},
        {"schema", {{"type", "string"}}},
        {"example", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}},
  };
}

json::object shared_headers() {
  return {
      {"retry_after",
       {{"description", "Seconds to wait before the same request is sent again"},
        {"schema", integer(1, 3'600)}}},
      {"allow", {{"description", "The methods that are"}, {"schema", {{"type", "string"}}}}},
  };
}

}  // namespace

std::string openapi_document(std::string_view version) {
  json::object paths;
  for (const route& r : routes()) {
    json::object operations;
    if (r.method == http_method::post) {
      operations["post"] = operation_of(r, operation_name(r));
    } else {
      operations["get"] = operation_of(r, operation_name(r));
    }
    paths[r.pattern] = std::move(operations);
  }
  const json::object document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Settle"},
        {"version", version},
        {"description",
         "Orders, stock and payment with an atomic checkout. Amounts are integers in minor units. "
         "Each GET answers HEAD as well."}}},
      {"servers", json::array{json::object{{"url", "/"}}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", schemas()},
        {"parameters", shared_parameters()},
        {"headers", shared_headers()}}}};
  return json::serialize(document);
}

}  // namespace settle::gateway
