"""A damaged data directory: what was torn by a crash is recovered, what is corrupt is reported,
and nothing is ever answered wrongly."""

import os
import shutil

import pytest

from settle_client import NoAnswer
from settle_process import SettleProcess, StartFailed
from shop import Shop

ZEROS_OF_A_PREALLOCATED_FILE = 4096


class Acknowledged:
    """Entities whose state is known, and the comparison with what a server says."""

    def __init__(self, shop, users=40):
        self.users = {}
        for number in range(users):
            user = shop.create_user(credit=number + 1)
            self.users[user] = number + 1
        self.item = shop.create_item(price=1, stock=users)
        self.orders = [shop.create_order(user, (self.item, 1)) for user in self.users]
        for order, user in zip(self.orders, self.users):
            assert shop.checkout(order).status == 200
            self.users[user] -= 1

    def check(self, shop):
        for user, credit in self.users.items():
            assert shop.credit(user) == credit
        assert shop.stock(self.item) == 0
        for order in self.orders:
            assert shop.order(order)["paid"] is True


@pytest.fixture
def killed(start_settle):
    """A process that was killed right after answering; `acknowledged` is what it answered."""
    process = start_settle()
    process.acknowledged = Acknowledged(Shop(process.port))
    process.kill9()
    return process


def newest_journal(process):
    files = [path for path in (process.data / "journal").iterdir()
             if path.is_file() and used_bytes(path)]
    assert files, "no journal file with anything in it"
    return max(files, key=lambda path: (path.stat().st_mtime_ns, path.name))


def used_bytes(path):
    """The length of the file without the zeros of a preallocation."""
    data = path.read_bytes()
    used = len(data.rstrip(b"\0"))
    return used if len(data) - used >= ZEROS_OF_A_PREALLOCATED_FILE else len(data)


def flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)
        file.seek(position)
        file.write(bytes([byte[0] ^ 0x55]))


def expect_refusal_naming(process, path):
    process.launch()
    assert process.wait_for_exit(15) > 0, process.log()
    assert path.name in process.log()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_flipped_byte_inside_the_journal_is_reported_at_start(killed, share):
    journal = newest_journal(killed)
    position = int(used_bytes(journal) * share)
    flip(journal, position)
    expect_refusal_naming(killed, journal)
    flip(journal, position)
    killed.acknowledged.check(Shop(killed.start().port))


def test_refusal_leaves_the_damaged_file_as_it_is(killed):
    journal = newest_journal(killed)
    flip(journal, used_bytes(journal) // 2)
    damaged = journal.read_bytes()
    expect_refusal_naming(killed, journal)
    assert journal.read_bytes() == damaged


def test_hole_of_zeros_inside_the_journal_is_reported_at_start(killed):
    journal = newest_journal(killed)
    middle = used_bytes(journal) // 2
    with open(journal, "r+b") as file:
        file.seek(middle)
        file.write(bytes(64))
    expect_refusal_naming(killed, journal)


def a_whole_record(journal):
    """The file's first record; docs/formats/journal.md has the layout."""
    content = journal.read_bytes()
    size = 28 + int.from_bytes(content[56:60], "little") + 1
    return content[48:48 + size]


@pytest.mark.parametrize("garbage", [os.urandom(1), os.urandom(7), os.urandom(300)],
                         ids=lambda garbage: f"{len(garbage)} bytes")
def test_garbage_behind_the_end_is_dropped_without_loss_or_reported(killed, garbage):
    journal = newest_journal(killed)
    with open(journal, "r+b") as file:
        file.seek(used_bytes(journal))
        file.write(garbage)
    try:
        shop = Shop(killed.start().port)
    except StartFailed:
        assert journal.name in killed.log()
        return
    killed.acknowledged.check(shop)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_half_a_record_at_the_end_is_dropped_without_loss(killed, share):
    journal = newest_journal(killed)
    record = a_whole_record(journal)
    with open(journal, "r+b") as file:
        file.seek(used_bytes(journal))
        file.write(record[:1 + int(share * (len(record) - 1))])
    shop = Shop(killed.start().port)
    killed.acknowledged.check(shop)
    # What is written behind the cut survives in its turn.
    user = shop.create_user(credit=9)
    killed.kill9()
    killed.restart()
    killed.acknowledged.check(shop)
    assert shop.credit(user) == 9


@pytest.mark.parametrize("cut", [1, 3, 10])
def test_cut_off_end_is_reported_or_costs_only_the_last_record(start_settle, cut):
    process = start_settle()
    shop = Shop(process.port)
    acknowledged = Acknowledged(shop)
    last = shop.create_user()
    process.kill9()
    journal = newest_journal(process)
    os.truncate(journal, used_bytes(journal) - cut)
    try:
        process.start()
    except StartFailed:
        assert journal.name in process.log()
        return
    acknowledged.check(shop)
    assert shop.get(f"/payment/find_user/{last}").status in (200, 400)


def test_missing_journal_file_is_reported_or_was_not_needed(killed):
    journal = newest_journal(killed)
    journal.rename(killed.scratch / "elsewhere")
    try:
        killed.start()
    except StartFailed:
        assert killed.process.returncode > 0, killed.log()
        return
    killed.acknowledged.check(Shop(killed.port))


@pytest.fixture(scope="module")
def stopped(program_exists):
    """A directory with rows in the store itself, stopped in an orderly way."""
    process = SettleProcess()
    try:
        shop = Shop(process.start().port)
        for path in ("/stock/batch_init/20000/7/3", "/payment/batch_init/20000/9"):
            assert shop.post(path).status == 200
        process.acknowledged = Acknowledged(shop)
        assert process.terminate() == 0
        yield process
    finally:
        process.close()


def store_files(data, kind):
    """The store's own files of a kind, the largest last."""
    files = [path for path in data.rglob("*") if path.is_file() and kind in path.name
             and "journal" not in path.relative_to(data).parts and path.stat().st_size]
    return sorted(files, key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("kind", [".sst", "MANIFEST", "CURRENT"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damaged_store_is_reported_or_fails_reads_but_never_lies(stopped, tmp_path, kind, damage):
    data = tmp_path / "data"
    shutil.copytree(stopped.data, data)
    files = store_files(data, kind)
    if not files:
        pytest.skip(f"the store has no {kind} file")
    size = files[-1].stat().st_size
    if damage == "flip":
        for part in range(1, 10):
            flip(files[-1], size * part // 10)
    elif damage == "truncate":
        os.truncate(files[-1], size // 2)
    else:
        files[-1].unlink()
    process = SettleProcess(data=data)
    try:
        process.start(until="/livez")
    except StartFailed:
        assert process.process.returncode > 0, process.log()
        assert str(data) in process.log()
    else:
        shop = Shop(process.port)
        if shop.get("/readyz").status != 200:
            assert "event=halted" in process.log() and str(data) in process.log()
        expect_right_or_failing_reads(shop, stopped.acknowledged)
    finally:
        process.close()


def expect_right_or_failing_reads(shop, acknowledged):
    def check(path, name, value):
        try:
            answer = shop.get(path)
        except NoAnswer:
            return  # it gave up rather than lie
        assert answer.status >= 500 or answer.json[name] == value, answer

    for number in range(0, 20000, 97):
        check(f"/stock/find/{number}", "stock", 7)
        check(f"/payment/find_user/{number}", "credit", 9)
    for user, credit in acknowledged.users.items():
        check(f"/payment/find_user/{user}", "credit", credit)
    for order in acknowledged.orders:
        check(f"/orders/find/{order}", "paid", True)
