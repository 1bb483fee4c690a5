"""The disk fills up under the server, and has room again: writes are refused with a clear
reason, reads go on, nothing acknowledged is lost, and no restart is needed. Needs root (tmpfs)."""

import pathlib
import subprocess
import tempfile
import time

import pytest

from expect import expect_problem
from settle_process import SettleProcess, StartFailed
from shop import Shop

DISK_BYTES = 256 * 1024 * 1024
FILL_SECONDS = 60     # until the first refusal
RECOVER_SECONDS = 10  # from room to the first success
CHUNK = bytes(1024 * 1024)


@pytest.fixture
def small_disk():
    """A mounted tmpfs; skips where mounting is not allowed."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="settle-disk-"))
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", directory],
                           capture_output=True, text=True, check=False)
    if mount.returncode:
        directory.rmdir()
        pytest.skip(f"cannot mount a tmpfs: {mount.stderr.strip()}")
    yield directory
    # Lazily, so that the mount goes even if something still holds a file of it.
    subprocess.run(["umount", "-l", directory], check=True)
    directory.rmdir()


class Filler:
    """A file that takes all the room there is, down to single bytes."""

    def __init__(self, directory):
        self.path = directory / "filler"

    def fill(self):
        with open(self.path, "ab", buffering=0) as file:
            for size in (len(CHUNK), 4096, 1):
                try:
                    while file.write(CHUNK[:size]) == size:
                        pass
                except OSError:
                    pass

    def remove(self):
        self.path.unlink()


class Wallet:
    """A user whose credit must lie between what was acknowledged and what may have happened."""

    def __init__(self, shop):
        self.shop, self.user = shop, shop.create_user(credit=1)
        self.least = self.most = 1

    def add(self):
        answer = self.shop.add_funds(self.user, 1)
        if answer.status == 200:
            self.least += 1
            self.most += 1
        else:
            assert answer.status == 503, answer
            assert int(answer.headers["Retry-After"]) > 0
            if answer.code == "outcome_unknown":  # storage_full means without effect
                self.most += 1
        return answer

    def check(self):
        assert self.least <= self.shop.credit(self.user) <= self.most


def fill_until_refused(shop, wallet, filler):
    """Small writes may fit into what the server set aside; bulk writes use that up."""
    deadline = time.monotonic() + FILL_SECONDS
    refusals = 0
    while refusals < 5:
        assert time.monotonic() < deadline, "writes succeed although the disk is full"
        filler.fill()
        bulk = shop.post("/payment/batch_init/50000/1")
        assert bulk.status in (200, 503), bulk
        refusals = refusals + 1 if wallet.add().code == "storage_full" else 0


def test_full_disk_refuses_writes_serves_reads_and_recovers(small_disk):
    filler = Filler(small_disk)
    with SettleProcess(data=small_disk / "data") as process:
        shop = Shop(process.port)
        wallet, item = Wallet(shop), shop.create_item(price=1, stock=5)
        order, paid = [shop.create_order(wallet.user, (item, 1)) for _ in range(2)]
        shop.add_funds(other := shop.create_user(), 5)
        bought = shop.create_order(other, (item, 2))
        assert shop.checkout(bought).status == 200

        fill_until_refused(shop, wallet, filler)
        assert process.is_running()
        for path in (f"/orders/checkout/{order}", "/payment/create_user", "/stock/item/create/1",
                     f"/stock/add/{item}/1", f"/orders/addItem/{order}/{item}/1"):
            answer = shop.post(path)
            expect_problem(answer, 503, "storage_full")
            assert int(answer.headers["Retry-After"]) > 0
        wallet.check()
        assert shop.stock(item) == 3
        assert shop.order(bought)["paid"] is True and shop.order(order)["paid"] is False
        assert shop.get("/livez").status == 200 and shop.get("/metrics").status == 200

        filler.remove()
        wait_for_writes(wallet)
        assert shop.checkout(paid).status == 200
        wallet.least -= 1
        wallet.most -= 1
        wallet.check()
        assert shop.stock(item) == 2

        process.kill9()
        process.restart()
        wallet.check()
        assert shop.stock(item) == 2
        assert shop.order(bought)["paid"] is True and shop.order(paid)["paid"] is True
        assert shop.order(order) == {"order_id": order, "paid": False, "items": [[item, 1]],
                                     "user_id": wallet.user, "total_cost": 1}


def wait_for_writes(wallet):
    deadline = time.monotonic() + RECOVER_SECONDS
    while wallet.add().status != 200:
        assert time.monotonic() < deadline, "no write succeeds although there is room again"
        time.sleep(0.05)


def test_kill_on_a_full_disk_loses_nothing(small_disk):
    filler = Filler(small_disk)
    with SettleProcess(data=small_disk / "data") as process:
        shop = Shop(process.port)
        wallet = Wallet(shop)
        fill_until_refused(shop, wallet, filler)
        process.kill9()
        filler.remove()
        process.restart()
        wallet.check()
        wait_for_writes(wallet)
        wallet.check()


def test_key_refused_for_lack_of_room_is_not_recorded(small_disk):
    filler = Filler(small_disk)
    with SettleProcess(data=small_disk / "data") as process:
        shop = Shop(process.port)
        wallet = Wallet(shop)
        user = shop.create_user()
        fill_until_refused(shop, wallet, filler)
        expect_problem(shop.add_funds(user, 5, key="a"), 503, "storage_full")
        filler.remove()
        wait_for_writes(wallet)
        first = shop.add_funds(user, 5, key="a")
        deadline = time.monotonic() + RECOVER_SECONDS
        while first.status == 503 and time.monotonic() < deadline:  # another thread's partition
            time.sleep(0.05)
            first = shop.add_funds(user, 5, key="a")
        assert first.status == 200 and shop.add_funds(user, 5, key="a").same_as(first)
        assert shop.credit(user) == 5


def test_start_on_a_full_disk_is_reported_or_serves_without_writes(small_disk):
    Filler(small_disk).fill()
    process = SettleProcess(data=small_disk / "data")
    try:
        process.start()
        expect_problem(Shop(process.port).post("/payment/create_user"), 503, "storage_full")
    except StartFailed:
        assert process.process.returncode > 0, "it must end by itself"
        assert process.log().strip()
    finally:
        process.close()
