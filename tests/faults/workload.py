"""Threads that use the shop while it is killed under them, and remember every answer."""

import random
import threading
import time
import uuid

from ledger import Ledger, Order, check_order
from settle_client import NoAnswer, in_parallel
from shop import Shop

DEFINITE_SECONDS = 60   # from the first try to a definite answer, kills included
CLIENT_SECONDS = 35     # for one try; the program answers after 30
PROXY_SECONDS = 60      # the same behind a proxy, which tries for 35
REMEMBERED_ANSWERS = 400  # of one worker, to be asked for again


class NeverAnswered(Exception):
    pass


class Unwatched:
    """Is told of each request; the campaign measures pauses by it."""

    def begin(self, what):
        """Returns what the other two are called with."""

    def trouble(self, request, answer):
        """A try had no answer (None), or one that is not definite."""

    def end(self, request, definite):
        """Of all tries."""


class Workload:
    """`start`, then `stop` when the server is up for good; `ledger` and `findings` hold what
    became known. Behind a proxy, a bad gateway is an unknown outcome, and moves of money and goods
    go without a key, too: the proxy repeats them."""

    def __init__(self, port, findings, seed, threads=8, watch=None, proxied=False,
                 rest_seconds=0.0, patience_seconds=DEFINITE_SECONDS, strict_reads=True):
        """Each thread rests up to `rest_seconds` between two acts. Without `strict_reads`, a read
        may miss what was answered by another gateway."""
        self.port, self.findings = port, findings
        self.watch, self.proxied = watch or Unwatched(), proxied
        self.not_definite = (429, 502, 503, 504) if proxied else (429, 503)
        self.rest_seconds, self.patience_seconds = rest_seconds, patience_seconds
        self.strict_reads = strict_reads
        self.ledger = Ledger()
        self.stopping = threading.Event()
        self.workers = [Worker(self, random.Random(f"{seed}/{n}")) for n in range(threads)]

    def start(self):
        for worker in self.workers:
            worker.start()

    def stop(self):
        self.stopping.set()
        for worker in self.workers:
            worker.join(2 * self.patience_seconds)
            if worker.is_alive():
                self.findings.contradict("a client hangs")

    def total(self, counter):
        return sum(getattr(worker, counter) for worker in self.workers)

    def replay_all(self):
        """Asks for every remembered answer again, and looks into each purse. REQUIRES: stopped."""
        def replay(index):
            worker = self.workers[index]
            for path, key, first in list(worker.remembered):
                worker.replay_one(path, key, first)
            worker.look_into_purse()
        in_parallel(len(self.workers), replay, seconds=600)


class Worker(threading.Thread):
    def __init__(self, workload, source):
        super().__init__(daemon=True)
        self.workload, self.random = workload, source
        self.ledger, self.findings = workload.ledger, workload.findings
        self.shop = Shop(workload.port, timeout=PROXY_SECONDS if workload.proxied else CLIENT_SECONDS)
        self.acknowledged = self.unknown = self.paid = self.rejected = 0
        self.remembered = []  # (path, key, answer)
        self.purse, self.savings = None, 0  # a user that nobody else knows, and the credit

    def run(self):
        acts = [self.create_user, self.create_item, self.fund, self.pay, self.refill, self.subtract,
                self.buy, self.check_out_again, self.replay, self.look_again, self.save]
        weights = [2, 2, 6, 3, 6, 3, 20, 6, 4, 4, 6]
        try:
            self.create_user()
            self.create_item()
            while not self.workload.stopping.is_set():
                self.random.choices(acts, weights)[0]()
                if self.workload.rest_seconds:
                    time.sleep(self.random.uniform(0, self.workload.rest_seconds))
        except NeverAnswered as error:
            self.findings.contradict(str(error))
        except Exception as error:  # a bug here must not look like a quiet success
            self.findings.contradict(f"a client failed: {error!r}")
            raise

    # Requests.

    def post(self, path, key=None, repeatable=False):
        """Posts until the answer is definite. None: unknown, and not safe to be sent again."""
        watch, answer = self.workload.watch, None
        request = watch.begin(f"POST {path}")
        try:
            answer = self._post(path, key, key is not None or repeatable, request)
            return answer
        finally:
            watch.end(request, answer is not None)

    def _post(self, path, key, repeatable, request):
        deadline = time.monotonic() + self.workload.patience_seconds
        while time.monotonic() < deadline:
            answer = self._try(lambda: self.shop.post(path, key=key))
            if answer is not None and answer.status in (200, 400):
                self.acknowledged += 1
                self._remember(path, key, answer)
                return answer
            self.workload.watch.trouble(request, answer)
            if answer is not None and answer.status not in self.workload.not_definite:
                self.findings.contradict(f"{path}: {answer}")
                return None
            if answer is None or answer.status != 429:
                self.unknown += 1
                if not repeatable:
                    time.sleep(0.02)
                    return None
            time.sleep(0.02)
        raise NeverAnswered(f"{path}: no definite answer within {self.workload.patience_seconds} s")

    def get(self, path):
        watch, answer = self.workload.watch, None
        request = watch.begin(f"GET {path}")
        try:
            deadline = time.monotonic() + self.workload.patience_seconds
            while time.monotonic() < deadline:
                answer = self._try(lambda: self.shop.get(path))
                if answer is not None and answer.status in (200, 400):
                    return answer
                watch.trouble(request, answer)
                time.sleep(0.02)
            raise NeverAnswered(f"{path}: no answer within {self.workload.patience_seconds} s")
        finally:
            watch.end(request, answer is not None)

    def _try(self, send):
        try:
            return send()
        except NoAnswer:
            return None

    def maybe_key(self):
        return new_key() if self.random.random() < 0.5 else None

    def _remember(self, path, key, answer):
        if key is None:
            return
        if len(self.remembered) < REMEMBERED_ANSWERS:
            self.remembered.append((path, key, answer))
        else:
            self.remembered[self.random.randrange(REMEMBERED_ANSWERS)] = (path, key, answer)

    # What a client does.

    def create_user(self):
        answer = self._created(self.post("/payment/create_user", self.maybe_key()))
        if answer:
            self.ledger.move_credit(answer["user_id"], 0)
            self._move("/payment/add_funds", answer["user_id"], 30, self.ledger.move_credit, 1)

    def create_item(self):
        price = self.random.randint(0, 5)
        answer = self._created(self.post(f"/stock/item/create/{price}", self.maybe_key()))
        if answer:
            self.ledger.move_stock(answer["item_id"], 0, price)
            self._move("/stock/add", answer["item_id"], 10, self.ledger.move_stock, 1)

    def fund(self):
        self._move_any("/payment/add_funds", "user", self.ledger.move_credit, 1)

    def pay(self):
        self._move_any("/payment/pay", "user", self.ledger.move_credit, -1, "credit_below_zero")

    def refill(self):
        self._move_any("/stock/add", "item", self.ledger.move_stock, 1)

    def subtract(self):
        self._move_any("/stock/subtract", "item", self.ledger.move_stock, -1, "stock_below_zero")

    def buy(self):
        user = self.ledger.choose(self.random, "user")
        if user is None:
            return
        answer = self._created(self.post(f"/orders/create/{user}", self.maybe_key()))
        if answer:
            order = Order(answer["order_id"], user)
            for _ in range(self.random.randint(1, 4)):
                self._add_line(order)
            self.ledger.add_order(order)
            self._check_out(order)

    def check_out_again(self):
        """An order that others may check out at the same moment."""
        order = self.ledger.choose(self.random, "order")
        if order:
            self._check_out(order)

    def replay(self):
        """The same request with the same key has the same answer, and no other effect."""
        if self.remembered:
            self.replay_one(*self.random.choice(self.remembered))

    def replay_one(self, path, key, first):
        again = self.post(path, key)
        if again is not None:
            self.findings.expect(again.same_as(first), f"{path} {key}: {first}, then {again}")

    def look_again(self):
        order = self.ledger.choose(self.random, "order")
        if order:
            was_paid = order.paid
            answer = self.get(f"/orders/find/{order.id}")
            if answer.status != 200:
                self.findings.lose(f"order {order.id}: {answer}")
            elif was_paid:
                check_order(order, answer.json, self.ledger.price, self.findings)

    def save(self):
        """Nobody else moves this user's money, so every answer is known before."""
        if self.purse is None:
            answer = self._created(self.post("/payment/create_user", self.maybe_key()))
            self.purse, self.savings = (answer["user_id"] if answer else None), 0
            return
        amount = self.random.randint(1, 5)
        route, sign = ("add_funds", 1) if self.random.random() < 0.6 else ("pay", -1)
        after = self.savings + sign * amount
        key = self.maybe_key() if self.workload.proxied else new_key()
        answer = self.post(f"/payment/{route}/{self.purse}/{amount}", key)
        if answer is None:
            self.purse = None
            return
        if after < 0:
            self.findings.expect(answer.code == "credit_below_zero", f"{self.purse}: {answer}")
        else:
            self.savings = after
            self.findings.expect(answer.text == f"User: {self.purse} credit updated to: {after}",
                                 f"{self.purse}: {route} {amount} to {after}: {answer}")
        if self.workload.strict_reads:
            self.look_into_purse()

    def look_into_purse(self):
        if self.purse is not None:
            answer = self.get(f"/payment/find_user/{self.purse}")
            self.findings.expect(answer.status == 200 and answer.json["credit"] == self.savings,
                                 f"{self.purse}: {answer}, must be {self.savings}")

    def _created(self, answer):
        if answer is None:
            return None
        self.findings.expect(answer.status == 200, f"creation refused: {answer}")
        return answer.json if answer.status == 200 else None

    def _move_any(self, route, kind, record, sign, *allowed):
        entity = self.ledger.choose(self.random, kind)
        if entity is not None:
            self._move(route, entity, self.random.randint(1, 6), record, sign, *allowed)

    def _move(self, route, entity, amount, record, sign, *allowed):
        key = self.maybe_key() if self.workload.proxied else new_key()
        answer = self.post(f"{route}/{entity}/{amount}", key)
        if answer is None:
            self.ledger.move_maybe(entity, sign * amount)
            return
        if answer.status == 200:
            record(entity, sign * amount)
        elif answer.code.endswith("_not_found"):
            self.findings.lose(f"{route}/{entity}: {answer}")
        else:
            self.findings.expect(answer.code in allowed, f"{route}/{entity}: {answer}")

    def _add_line(self, order):
        item, quantity = self.ledger.choose(self.random, "item"), self.random.randint(1, 3)
        if item is None:
            return
        answer = self.post(f"/orders/addItem/{order.id}/{item}/{quantity}", self.maybe_key())
        if answer is None:
            order.maybe_lines.append((item, quantity))
        elif answer.status == 200:
            order.lines.append((item, quantity))
        else:
            self.findings.lose(f"order {order.id} or item {item}: {answer}")

    def _check_out(self, order):
        was_paid = order.paid
        answer = self.post(f"/orders/checkout/{order.id}", self.maybe_key(), repeatable=True)
        if answer is None:
            return
        if answer.status == 200:
            order.paid = True
            self.paid += 1
        elif answer.code == "order_not_found":
            self.findings.lose(f"order {order.id}: {answer}")
        else:
            order.rejections += 1
            self.rejected += 1
            self.findings.expect(not was_paid, f"order {order.id}: paid, then {answer}")
            self.findings.expect(answer.code in ("out_of_stock", "out_of_credit"),
                                 f"order {order.id}: {answer}")


def new_key():
    return str(uuid.uuid4())
