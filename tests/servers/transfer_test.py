"""Export and import through a real Redis: embedded, Redis, Redis, embedded."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run  # noqa: E402
from processes import Workplace  # noqa: E402
from shop import Shop  # noqa: E402
from transfer import Content, done, refused  # noqa: E402


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
