import pytest


@pytest.fixture
def run(called, monkeypatch, tmp_path):
    """Run gres on a served model in a scratch folder; see `called`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("samtok_bench.serving.chat.sleep", lambda seconds: None)

    def run(server, *arguments, task="gres", limit="3"):
        model = ("--model", f"endpoint:{server.url}#served")
        return called("run", "--task", task, "--limit", limit, *model, *arguments)

    return run
