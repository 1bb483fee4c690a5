"""What the answers of the shop imply, and the comparison with what it says in the end.

Only definite answers count. A line whose addition was never answered may or may not be there;
all else must be exactly as answered."""

import collections
import threading

from settle_client import in_parallel


class Findings:
    """Thread-safe. `lost`: something acknowledged is gone. `contradicted`: two answers, or an
    answer and the state, cannot both be true. Of these, `oversold`: more goods were sold than left
    the stock; `double_charged`: more money left an account than paid orders cost."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lost, self.contradicted = [], []
        self.oversold, self.double_charged = [], []
        self.checks = 0

    def lose(self, text):
        with self.lock:
            self.lost.append(text)

    def contradict(self, text):
        with self.lock:
            self.contradicted.append(text)

    def expect(self, true, text):
        with self.lock:
            self.checks += 1
            if not true:
                self.contradicted.append(text)

    def oversell(self, text):
        self.expect(False, text)
        with self.lock:
            self.oversold.append(text)

    def double_charge(self, text):
        self.expect(False, text)
        with self.lock:
            self.double_charged.append(text)


class Order:
    def __init__(self, order, user):
        self.id, self.user = order, user
        self.lines = []        # (item, quantity) acknowledged, in order
        self.maybe_lines = []  # sent once, never answered
        self.paid = False      # some checkout was answered "successful"
        self.rejections = 0


class Ledger:
    """Thread-safe. Balances but for what paid orders took, which `verify` subtracts."""

    def __init__(self):
        self.lock = threading.Lock()
        self.credit, self.stock, self.price = {}, {}, {}
        self.maybe = collections.defaultdict(list)  # by user or item: moves that nobody answered
        self.orders = []

    def move_credit(self, user, amount):
        with self.lock:
            self.credit[user] = self.credit.get(user, 0) + amount

    def move_stock(self, item, amount, price=None):
        with self.lock:
            self.stock[item] = self.stock.get(item, 0) + amount
            if price is not None:
                self.price[item] = price

    def move_maybe(self, entity, amount):
        with self.lock:
            self.maybe[entity].append(amount)

    def balances(self, entity, balance):
        """All that it may be, given what it is without the moves that nobody answered."""
        possible = {balance}
        for amount in self.maybe.get(entity, ()):
            possible |= {value + amount for value in possible}
        return possible

    def add_order(self, order):
        with self.lock:
            self.orders.append(order)

    def choose(self, random, kind):
        """A random user, item or order; None while there is none."""
        with self.lock:
            choices = {"user": self.credit, "item": self.stock, "order": self.orders}[kind]
            return random.choice(list(choices)) if choices else None


def check_order(order, found, price, findings):
    """One order against what was answered about it; returns its (item, quantity) lines."""
    lines = [(item, quantity) for item, quantity in found["items"]]
    extra = collections.Counter(lines) - collections.Counter(order.lines)
    if collections.Counter(order.lines) - collections.Counter(lines):
        findings.lose(f"order {order.id}: lines {order.lines} were acknowledged, found {lines}")
    findings.expect(not extra - collections.Counter(order.maybe_lines),
                    f"order {order.id}: lines {dict(extra)} were never sent")
    if not extra:
        findings.expect(lines == order.lines, f"order {order.id}: lines in another order")
    findings.expect(found["total_cost"] == sum(price[item] * quantity for item, quantity in lines),
                    f"order {order.id}: total {found['total_cost']} of {lines}")
    if order.paid and not found["paid"]:
        findings.lose(f"order {order.id}: was paid, is not")
    findings.expect(order.paid or not found["paid"],
                    f"order {order.id}: is paid, but {order.rejections} answers were rejections "
                    "and none a success")
    return lines


def shown(possible):
    return " or ".join(map(str, sorted(possible)))


def verify(make_shop, ledger, findings, threads=8):
    """Compares everything, at rest."""
    credit, stock = dict(ledger.credit), dict(ledger.stock)

    def fetch(path, what):
        """For a pool thread: the JSON of what was acknowledged, or None and a loss."""
        answer = local.shop.get(path)
        if answer.status != 200:
            findings.lose(f"{what}: {answer}")
            return None
        return answer.json

    local = threading.local()

    def for_all(subjects, call):
        def run(index):
            local.shop = make_shop()
            for subject in subjects[index::threads]:
                call(subject)
            local.shop.close()
        in_parallel(threads, run, seconds=600)

    def check(order):
        found = fetch(f"/orders/find/{order.id}", f"order {order.id}")
        if found is not None:
            lines = check_order(order, found, ledger.price, findings)
            if found["paid"]:
                with ledger.lock:
                    credit[order.user] -= found["total_cost"]
                    for item, quantity in lines:
                        stock[item] -= quantity

    def check_user(user):
        found = fetch(f"/payment/find_user/{user}", f"user {user}")
        if found is not None:
            possible = ledger.balances(user, credit[user])
            text = f"user {user}: credit {found['credit']}, must be {shown(possible)}"
            if found["credit"] < min(possible):
                findings.double_charge(text)
            else:
                findings.expect(found["credit"] in possible, text)

    def check_item(item):
        found = fetch(f"/stock/find/{item}", f"item {item}")
        if found is not None:
            possible = ledger.balances(item, stock[item])
            text = f"item {item}: {found}, must be {shown(possible)}"
            if found["stock"] < 0 or found["stock"] > max(possible):
                findings.oversell(text)
            else:
                findings.expect(found["stock"] in possible, text)
            findings.expect(found["price"] == ledger.price[item],
                            f"{text} at {ledger.price[item]}")

    for_all(ledger.orders, check)
    for_all(list(credit), check_user)
    for_all(list(stock), check_item)
