"""Kill -9 in the middle of a run, then the same command again."""

import json
import subprocess

from killing import command, environment, kill_after


def test_nothing_is_lost_and_nothing_is_done_twice(plugin, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    before = kill_after(6, killed, "squares", "slow", plugin)
    assert 6 <= len(before) < 24

    def finish(out):
        return subprocess.run(
            command(out, "squares", "slow"),
            env=environment(plugin),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    resumed = finish(killed)
    after = (killed / "samples.jsonl").read_bytes().splitlines(keepends=True)
    assert after[: len(before)] == before
    ids = [json.loads(line)["id"] for line in after]
    assert len(ids) == len(set(ids)) == 24
    assert json.loads(resumed) == json.loads(finish(whole))
    sessions = json.loads((killed / "run.json").read_text())["sessions"]
    assert [s["answered"] for s in sessions] == [len(before), 24 - len(before)]
