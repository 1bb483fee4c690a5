"""Export and import through a real Redis: embedded, Redis, Redis, embedded."""

import contextlib
import pathlib
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run  # noqa: E402
from processes import Workplace  # noqa: E402
from redis import ask  # noqa: E402
from shop import Shop  # noqa: E402
from transfer import Content, done, refused  # noqa: E402


@contextlib.contextmanager
def member(server):
    """Calls the roll as a process of the system does."""
    ended = threading.Event()

    def call():
        while not ended.wait(0.05):
            until = int(time.time() * 1000) + 700
            ask(server, "HSET", "settle:{members}", "abc", f"{until} 7  ")

    calling = threading.Thread(target=call)
    calling.start()
    time.sleep(0.3)
    try:
        yield
    finally:
        ended.set()
        calling.join()


@pytest.mark.parametrize("deployment", ["redis", "redis-sentinel", "redis-cluster"])
def test_from_embedded_through_redis_to_embedded(start_settle, tmp_path, deployment):
    process = start_settle(data=tmp_path / "data")
    shop = Shop(process.port)
    content = Content(shop)
    state = content.state(shop)
    shop.close()
    assert process.terminate() == 0
    done("export", "--store", f"embedded:{tmp_path}/data", tmp_path / "1")

    with Workplace() as workplace:
        servers = run.deployment_class(deployment)(workplace)
        servers.start()
        url = servers.url
        assert "no system" in refused("export", "--store", url, tmp_path / "none")
        done("import", "--store", url, "--partitions", "7", tmp_path / "1")
        assert "overwrites nothing" in refused("import", "--store", url, tmp_path / "1")
        done("export", "--store", url, tmp_path / "2")
        done("import", "--store", url, "--prefix", "other", "--partitions", "3", tmp_path / "2")
        if deployment == "redis":
            with member(servers.ports[0]):
                said = refused("export", "--store", url, tmp_path / "none")
            assert "1 process of this system" in said
        done("export", "--store", url, "--prefix", "other", tmp_path / "3")
        cut = (tmp_path / "3").read_bytes()[:-1]
        said = refused("import", "--store", url, "--prefix", "half", "-", input=cut)
        assert "begin with 'half:'" in said
        assert "did not finish" in refused("export", "--store", url, "--prefix", "half",
                                           tmp_path / "none")
        assert not (tmp_path / "none").exists()

    done("import", "--store", f"embedded:{tmp_path}/new", "--partitions", "2", tmp_path / "3")
    moved = start_settle(data=tmp_path / "new", environment={"SETTLE_PARTITIONS": "2"})
    shop = Shop(moved.port)
    assert content.state(shop) == state
    content.check_keys(shop)
    content.check_works(shop)
    shop.close()
