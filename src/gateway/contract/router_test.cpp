#include "gateway/contract/router.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/money.hpp"

namespace settle::gateway {
namespace {

std::optional<problem_code> refusal(http_method method, std::string_view target) {
  parsed_request parsed;
  const auto refused = parse_request(method, target, parsed);
  if (!refused) return std::nullopt;
  EXPECT_FALSE(refused->detail.empty()) << target;
  return refused->code;
}

std::optional<problem_code> refusal(std::string_view target) {
  return refusal(http_method::post, target);
}

parsed_request parsed(http_method method, std::string_view target) {
  parsed_request out;
  const auto refused = parse_request(method, target, out);
  EXPECT_FALSE(refused.has_value()) << target << ": " << (refused ? refused->detail : "");
  return out;
}

/// A path that fits the pattern: ids become "a1", "b2", numbers 5, 6, ...
std::string example_of(const route& r) {
  std::string path;
  int number = 5;
  char letter = 'a';
  for (std::size_t i = 0; i < r.pattern.size(); ++i) {
    if (r.pattern[i] != '{') {
      path.push_back(r.pattern[i]);
      continue;
    }
    const std::size_t close = r.pattern.find('}', i);
    const auto& p = parameter_of(r.pattern.substr(i + 1, close - i - 1));
    if (p.kind == parameter_kind::id) {
      path.append({letter++, '1'});
    } else {
      path.append(std::to_string(number++));
    }
    i = close;
  }
  return path;
}

TEST(router, every_route_of_the_table_is_found_and_written_back) {
  for (const route& r : routes()) {
    const std::string path = example_of(r);
    const parsed_request got = parsed(r.method, path);
    EXPECT_EQ(got.route, r.id) << path;
    std::string canonical;
    append_canonical_path(canonical, got);
    EXPECT_EQ(canonical, path);
  }
}

TEST(router, every_route_with_another_method_says_what_is_allowed) {
  for (const route& r : routes()) {
    for (const http_method method : {http_method::get, http_method::head, http_method::post,
                                     http_method::options, http_method::other}) {
      const bool reads = method == http_method::get || method == http_method::head;
      const bool fits = (r.method == http_method::post) == (method == http_method::post) &&
                        (r.method == http_method::post || reads);
      parsed_request out;
      const auto refused = parse_request(method, example_of(r), out);
      if (fits) {
        EXPECT_FALSE(refused) << r.pattern;
        continue;
      }
      ASSERT_TRUE(refused) << r.pattern;
      EXPECT_EQ(refused->code, problem_code::method_not_allowed);
      EXPECT_EQ(refused->allow, r.method == http_method::post ? "POST" : "GET, HEAD");
      EXPECT_EQ(out.route, r.id);
    }
  }
  EXPECT_EQ(refusal(http_method::options, "*"), problem_code::method_not_allowed);
}

TEST(router, every_route_with_one_segment_more_or_less_is_unknown) {
  for (const route& r : routes()) {
    const std::string path = example_of(r);
    EXPECT_EQ(refusal(r.method, path + "/"), problem_code::not_found) << path;
    EXPECT_EQ(refusal(r.method, path + "/x"), problem_code::not_found) << path;
    EXPECT_EQ(refusal(r.method, "/" + path), problem_code::not_found) << path;
    if (path.rfind('/') > 0) {
      EXPECT_EQ(refusal(r.method, path.substr(0, path.rfind('/')) + "/"), problem_code::not_found);
    }
    if (path.size() > 1) {
      EXPECT_EQ(refusal(r.method, "/X" + path.substr(2)), problem_code::not_found);
    }
  }
}

TEST(router, parameters_come_in_the_order_of_the_pattern) {
  const auto add = parsed(http_method::post, "/orders/addItem/order-1/item~2/3");
  EXPECT_EQ(add.ids[0].view(), "order-1");
  EXPECT_EQ(add.ids[1].view(), "item~2");
  EXPECT_EQ(add.numbers[0], 3);
  const auto init = parsed(http_method::post, "/orders/batch_init/1/2/3/4");
  EXPECT_EQ(init.numbers, (std::array<std::int64_t, 4>{1, 2, 3, 4}));
}

/// Every number of every route, replaced by `text`.
template <class Check>
void with_each_number(std::string_view text, Check check) {
  for (const route& r : routes()) {
    std::size_t open = r.pattern.find('{');
    for (; open != std::string_view::npos; open = r.pattern.find('{', open + 1)) {
      const std::size_t close = r.pattern.find('}', open);
      const auto& p = parameter_of(r.pattern.substr(open + 1, close - open - 1));
      if (p.kind == parameter_kind::id) continue;
      route prefix = r, suffix = r;
      prefix.pattern = r.pattern.substr(0, open);
      suffix.pattern = r.pattern.substr(close + 1);
      check(p, example_of(prefix) + std::string(text) + example_of(suffix));
    }
  }
}

TEST(router, what_is_not_plain_digits_is_no_number) {
  for (const std::string_view bad :
       {"-1", "+1", "1.0", "1e3",   "0x10",     "abc", "1a",  "%20",   "%201", "1%20", "%00",
        "%",  "%4", "%zz", "1,000", "\xD9\xA1", "--",  "NaN", "1%2F2", "1;2",  "-0"}) {
    with_each_number(bad, [&](const route_parameter& p, const std::string& path) {
      EXPECT_EQ(refusal(path), problem_code::invalid_number) << p.name << " in " << path;
    });
  }
}

TEST(router, batch_total_ends_at_the_largest_amount) {
  EXPECT_FALSE(refusal("/orders/batch_init/1/1/1/4503599627370495"));
  EXPECT_EQ(refusal("/orders/batch_init/1/1/1/4503599627370496"),
            problem_code::amount_out_of_range);
}

TEST(router, numbers_end_at_the_largest_amount_or_row_count) {
  const std::string most = std::to_string(max_amount);
  const std::string beyond = std::to_string(max_amount + 1);
  with_each_number(most, [&](const route_parameter& p, const std::string& path) {
    // An order of a batch has two items, so that its price ends at half.
    const bool total = path.starts_with("/orders/batch_init/") && path.ends_with(most);
    const bool fits = p.kind != parameter_kind::count && !total;
    EXPECT_EQ(refusal(path).has_value(), !fits) << path;
  });
  for (const std::string_view bad :
       {std::string_view(beyond), std::string_view("18446744073709551616"),
        std::string_view("99999999999999999999999999999999999999"),
        std::string_view("00000000009007199254740992")}) {
    with_each_number(bad, [&](const route_parameter& p, const std::string& path) {
      EXPECT_EQ(refusal(path), problem_code::amount_out_of_range) << p.name << " in " << path;
    });
  }
  const std::string rows = std::to_string(limits::batch_init_rows);
  EXPECT_FALSE(refusal("/payment/batch_init/" + rows + "/1"));
  EXPECT_EQ(refusal("/payment/batch_init/" + std::to_string(limits::batch_init_rows + 1) + "/1"),
            problem_code::amount_out_of_range);
}

TEST(router, zero_is_refused_for_amounts_and_quantities_only) {
  with_each_number("0", [&](const route_parameter& p, const std::string& path) {
    const bool drawn_from = p.name == "n_items" || p.name == "n_users";
    const bool refused = p.kind == parameter_kind::positive || drawn_from;
    EXPECT_EQ(refusal(path).has_value(), refused) << p.name << " in " << path;
  });
  EXPECT_FALSE(refusal("/orders/batch_init/0/0/0/0"));
  EXPECT_EQ(parsed(http_method::post, "/stock/item/create/007").numbers[0], 7);
}

TEST(router, ids_are_decoded_and_checked) {
  EXPECT_EQ(parsed(http_method::get, "/orders/find/%61%2E%5f%7E-Z").ids[0].view(), "a._~-Z");
  EXPECT_EQ(parsed(http_method::get, "/%6frders/find/1").route, route_id::find_order);
  EXPECT_EQ(parsed(http_method::get, "/orders/find/..").ids[0].view(), "..");
  const std::string longest(limits::id_length, 'x');
  EXPECT_EQ(parsed(http_method::get, "/orders/find/" + longest).ids[0].view(), longest);
  std::string encoded;
  for (std::size_t i = 0; i < limits::id_length; ++i) encoded.append("%78");
  EXPECT_EQ(parsed(http_method::get, "/orders/find/" + encoded).ids[0].view(), longest);
  for (const std::string& bad :
       {longest + "x", std::string("a%20b"), std::string("a%2Fb"), std::string("%00"),
        std::string("%"), std::string("%4"), std::string("%4g"), std::string("a+b"),
        std::string("\xC3\xA9"), std::string("a@b"), std::string("a;b"), std::string("%2561")}) {
    EXPECT_EQ(refusal(http_method::get, "/orders/find/" + bad), problem_code::invalid_id) << bad;
    EXPECT_EQ(refusal("/orders/addItem/1/" + bad + "/1"), problem_code::invalid_id) << bad;
  }
}

TEST(router, the_query_is_ignored) {
  EXPECT_EQ(parsed(http_method::get, "/livez?a=b/c?d").route, route_id::livez);
  EXPECT_EQ(parsed(http_method::get, "/?x").route, route_id::index);
  EXPECT_EQ(parsed(http_method::post, "/stock/add/1/2?amount=9").numbers[0], 2);
}

TEST(router, absolute_form_is_its_path) {
  EXPECT_EQ(parsed(http_method::get, "http://shop:80/livez?x").route, route_id::livez);
  EXPECT_EQ(parsed(http_method::get, "HTTPS://shop/orders/find/7").ids[0].view(), "7");
  EXPECT_EQ(parsed(http_method::get, "http://shop").route, route_id::index);
  EXPECT_EQ(parsed(http_method::get, "http://shop?x").route, route_id::index);
  EXPECT_EQ(refusal("http:///livez"), problem_code::malformed_request);
  EXPECT_EQ(refusal("http://"), problem_code::malformed_request);
  EXPECT_EQ(refusal("ftp://shop/livez"), problem_code::malformed_request);
}

TEST(router, what_is_no_path_is_malformed) {
  for (const std::string_view bad : {"", "*", "livez", "?x", "/livez#x", "shop:80"}) {
    EXPECT_EQ(refusal(http_method::get, bad), problem_code::malformed_request) << bad;
  }
  EXPECT_EQ(refusal("/" + std::string(limits::request_line, 'x')), problem_code::malformed_request);
}

TEST(router, many_segments_are_unknown) {
  EXPECT_EQ(refusal("/a/b/c/d/e/f/g/h"), problem_code::not_found);
  EXPECT_EQ(refusal(std::string(4'000, '/')), problem_code::not_found);
}

}  // namespace
}  // namespace settle::gateway
