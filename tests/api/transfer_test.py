"""Export and import: the same shop, with another number of partitions; what is refused."""

import pathlib
import random
import threading
import time

import pytest

from settle_client import NoAnswer
from shop import Shop
from transfer import Content, done, refused, settle


@pytest.fixture
def stopped(start_settle, tmp_path):
    """A filled shop of 4 partitions that was stopped by SIGTERM, its content, how it reads."""
    process = start_settle(data=tmp_path / "data")
    shop = Shop(process.port)
    content = Content(shop)
    state = content.state(shop)
    shop.close()
    assert process.terminate() == 0
    return tmp_path / "data", content, state


def check(start_settle, data, content, state, partitions):
    process = start_settle(data=data, environment={"SETTLE_PARTITIONS": str(partitions)})
    shop = Shop(process.port)
    assert content.state(shop) == state
    content.check_keys(shop)
    content.check_works(shop)
    shop.close()
    assert process.terminate() == 0


@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 8])
def test_shop_is_the_same_with_another_number_of_partitions(start_settle, stopped, tmp_path,
                                                            partitions):
    data, content, state = stopped
    said = done("export", "--store", f"embedded:{data}", tmp_path / "file").decode()
    assert "56 orders, 12 items, 31 users" in said
    done("import", "--store", f"embedded:{tmp_path}/new", "--partitions", partitions,
         tmp_path / "file")
    check(start_settle, tmp_path / "new", content, state, partitions)


def test_moved_again_and_again_it_stays_the_same(start_settle, stopped, tmp_path):
    data, content, state = stopped
    for i, partitions in enumerate([6, 1, 5, 4]):
        file, new = tmp_path / f"file{i}", tmp_path / f"data{i}"
        done("export", "--store", f"embedded:{data}", file)
        done("import", "--store", f"embedded:{new}", "--partitions", partitions, file)
        data = new
    check(start_settle, data, content, state, 4)


def test_through_a_pipe(start_settle, stopped, tmp_path):
    data, content, state = stopped
    file = done("export", "--store", f"embedded:{data}", "-")
    done("import", "--store", f"embedded:{tmp_path}/new", "-", input=file)
    check(start_settle, tmp_path / "new", content, state, 4)


def checkouts(process, content, lane):
    """Orders of one user and checkouts, until the process is gone."""
    shop = Shop(process.port)
    try:
        while True:
            order = shop.create_order(content.users[lane], (content.items[lane], 1))
            shop.checkout(order)
    except NoAnswer:
        pass
    finally:
        shop.close()


def test_killed_at_work_it_is_exported_after_a_start_and_an_orderly_stop(start_settle, tmp_path):
    process = start_settle(data=tmp_path / "data")
    shop = Shop(process.port)
    content = Content(shop)
    shop.close()
    for turn in range(3):
        lanes = [threading.Thread(target=checkouts, args=(process, content, lane))
                 for lane in range(8)]
        for lane in lanes:
            lane.start()
        time.sleep(0.5)
        process.kill9()
        for lane in lanes:
            lane.join()
        ended = settle("export", "--store", f"embedded:{tmp_path}/data",
                       tmp_path / f"at-once-{turn}")
        assert ended.returncode == 0 or b"stop it with SIGTERM" in ended.stderr
        process.start()
        assert process.terminate() == 0
        done("export", "--store", f"embedded:{tmp_path}/data", tmp_path / f"file-{turn}")
        process.start()
    shop = Shop(process.port)
    content.refill(shop)
    state = content.state(shop)
    shop.close()
    assert process.terminate() == 0
    done("export", "--store", f"embedded:{tmp_path}/data", tmp_path / "file")
    done("import", "--store", f"embedded:{tmp_path}/new", "--partitions", 2, tmp_path / "file")
    check(start_settle, tmp_path / "new", content, state, 2)


def test_stopped_at_work_it_is_exported(start_settle, tmp_path):
    process = start_settle(data=tmp_path / "data")
    shop = Shop(process.port)
    content = Content(shop)
    shop.close()
    lanes = [threading.Thread(target=checkouts, args=(process, content, lane))
             for lane in range(8)]
    for lane in lanes:
        lane.start()
    time.sleep(0.3)
    assert process.terminate() == 0
    for lane in lanes:
        lane.join()
    done("export", "--store", f"embedded:{tmp_path}/data", tmp_path / "file")


def test_after_a_kill_it_is_exported_from_the_journal(start_settle, tmp_path):
    process = start_settle(data=tmp_path / "data")
    shop = Shop(process.port)
    content = Content(shop)
    state = content.state(shop)
    shop.close()
    process.kill9()  # nothing was under way
    done("export", "--store", f"embedded:{tmp_path}/data", tmp_path / "file")
    done("import", "--store", f"embedded:{tmp_path}/new", tmp_path / "file")
    check(start_settle, tmp_path / "new", content, state, 4)


def test_running_system_is_not_exported(start_settle, tmp_path):
    start_settle(data=tmp_path / "data")
    assert "in use" in refused("export", "--store", f"embedded:{tmp_path}/data", tmp_path / "file")
    assert list(tmp_path.glob("file*")) == []


def test_export_where_no_system_is_creates_nothing(tmp_path):
    assert "no system" in refused("export", "--store", f"embedded:{tmp_path}/none",
                                  tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(stopped, tmp_path):
    data, _, _ = stopped
    file = tmp_path / "file"
    file.write_text("precious")
    assert "--force" in refused("export", "--store", f"embedded:{data}", file)
    assert file.read_text() == "precious"
    done("export", "--store", f"embedded:{data}", "--force", file)
    before = sorted(path for path in data.rglob("*"))
    assert "overwrites nothing" in refused("import", "--store", f"embedded:{data}", file)
    assert sorted(path for path in data.rglob("*")) == before
    done("export", "--store", f"embedded:{data}", tmp_path / "again")


def test_damaged_file_is_refused_before_anything_is_written(stopped, tmp_path):
    data, _, _ = stopped
    whole = done("export", "--store", f"embedded:{data}", "-")
    file = tmp_path / "file"
    for damaged in [whole[:random.randrange(len(whole))], damage(whole), whole + b"x", b"", b"x"]:
        file.write_bytes(damaged)
        assert str(file) in refused("import", "--store", f"embedded:{tmp_path}/new", file)
        assert not (tmp_path / "new").exists()


def damage(whole):
    at = random.randrange(len(whole))
    return whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1:]


def test_stream_that_is_cut_off_leaves_what_nobody_opens(start_settle, stopped, tmp_path):
    data, content, state = stopped
    whole = done("export", "--store", f"embedded:{data}", "-")
    new = pathlib.Path(tmp_path / "new")
    said = refused("import", "--store", f"embedded:{new}", "-", input=whole[:-10])
    assert "remove what is in the directory" in said
    for command in (["serve", "--listen", "127.0.0.1:0", "--data", new],
                    ["export", "--store", f"embedded:{new}", tmp_path / "file"],
                    ["import", "--store", f"embedded:{new}", "-"]):
        assert "did not finish" in refused(*command, input=whole)
    for path in sorted(new.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    done("import", "--store", f"embedded:{new}", "-", input=whole)
    check(start_settle, new, content, state, 4)
