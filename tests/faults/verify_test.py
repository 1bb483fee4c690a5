"""`settle verify` against the program: calm, and while it is killed and started again."""

import json
import random
import subprocess
import time

from settle_process import PROGRAM

VERIFY_SECONDS = 240


def start_verify(process, report, *flags):
    return subprocess.Popen(
        [PROGRAM, "verify", f"http://127.0.0.1:{process.port}", "--json", str(report), *flags],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(verify):
    try:
        output, _ = verify.communicate(timeout=VERIFY_SECONDS)
    finally:
        verify.kill()
    return output


def test_twenty_rounds_sell_exactly_what_is_there(start_settle, tmp_path):
    report = tmp_path / "report.json"
    verify = start_verify(start_settle(), report, "--rounds", "20", "--batch-init")
    output = finish(verify)
    assert verify.returncode == 0, output
    found = json.loads(report.read_text())
    assert found["differences"] == []
    assert "0 differences in 20 rounds" in output


def test_kills_and_restarts_change_no_answer(start_settle, tmp_path):
    process = start_settle()
    report = tmp_path / "report.json"
    choices = random.Random(time.time_ns())
    verify = start_verify(process, report, "--rounds", "10", "--allow-restarts")
    kills = 0
    try:
        while verify.poll() is None and kills < 20:
            time.sleep(choices.uniform(0.05, 0.6))
            process.kill9()
            process.start()
            kills += 1
        output = finish(verify)
    finally:
        verify.kill()
    assert verify.returncode == 0, output
    assert json.loads(report.read_text())["differences"] == []
    assert kills >= 5, "the run ended before it was disturbed"
