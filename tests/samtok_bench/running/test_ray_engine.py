"""The engine of Ray's actors on a played cluster: who is checked, who gets work, who is waited for."""

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from samtok_bench.running.engines.ray_actors import RayEngine
from samtok_bench.sample import Outcome, Prediction, Sample, Target

IMAGES = ("a.png", "b.png")


class ActorDied(Exception):
    """In the place of RayActorError."""


class ReplyLost(Exception):
    """In the place of ObjectLostError."""


class ShortOfMemory(Exception):
    """In the place of OutOfMemoryError."""


@dataclass
class Node:
    """A machine: its images, and where its actors may stand."""

    name: str
    folder: Path
    room: int = 1
    gone: bool = False
    fails: list[type[Exception]] = field(default_factory=list)
    """What becomes of its next batches; ActorDied takes the machine along, for good."""
    stillborn: bool = False
    """Whether it is gone as soon as a model is loaded there."""


@dataclass
class Actor:
    kind: Any
    node: Node | None = None
    killed: bool = False


@dataclass(eq=False)
class Reply:
    actor: Actor
    method: str
    argument: Any


class PlayedRay:
    """As much of Ray as the engine uses. Replies come in the order of the questions, once there is room."""

    def __init__(self, nodes):
        self.nodes, self.actors = nodes, []
        self.asked = []
        """(node, method, argument) of every reply."""
        self.later = []
        """What happens, one after another, when nothing else does."""
        self.exceptions = SimpleNamespace(
            RayActorError=ActorDied,
            ObjectLostError=ReplyLost,
            OutOfMemoryError=ShortOfMemory,
            RayTaskError=type("RayTaskError", (Exception,), {}),
        )

    def is_initialized(self):
        return True

    def shutdown(self):
        pass

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: "here")

    def cluster_resources(self):
        return {"CPU": 3.0}

    def remote(self, **_):
        return lambda kind: SimpleNamespace(remote=lambda model: self._actor(kind))

    def kill(self, handle):
        handle.actor.killed = True

    def wait(self, replies, num_returns, timeout):
        assert (num_returns, timeout) == (1, 30)
        for reply in replies:
            if self._placed(reply.actor):
                return [reply], [other for other in replies if other is not reply]
        assert self.later, "waits for ever"
        self.later.pop(0)()
        return [], replies

    def get(self, reply):
        node = reply.actor.node
        node.gone = node.gone or node.stillborn
        if node.gone:
            raise ActorDied("its machine is gone")
        self.asked.append((node.name, reply.method, reply.argument))
        if reply.method == "prepare":
            return node.name
        if reply.method == "hash_of":
            return reply.actor.kind.hash_of(None, [node.folder / path.name for path in reply.argument])
        if node.fails:
            failure = node.fails.pop(0)
            node.gone = failure is ActorDied
            raise failure("lost")
        return [Prediction(text=node.name) for _ in reply.argument]

    def _actor(self, kind):
        actor = Actor(kind)
        self.actors.append(actor)

        def method(name):
            return SimpleNamespace(remote=lambda *argument: Reply(actor, name, *(argument or [None])))

        methods = {name: method(name) for name in ("prepare", "hash_of", "predict")}
        return SimpleNamespace(actor=actor, **methods)

    def _placed(self, actor):
        taken = Counter(id(other.node) for other in self.actors if other.node and not other.killed)
        if actor.node is None:
            free = (node for node in self.nodes if not node.gone and taken[id(node)] < node.room)
            actor.node = next(free, None)
        return actor.node is not None


@pytest.fixture
def node(tmp_path):
    """Make a machine; `content` is that of its images."""

    def node(name, content=b"same", **rest):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for image in IMAGES:
            (folder / image).write_bytes(content)
        return Node(name, folder, **rest)

    node("here")
    return node


@pytest.fixture
def answered(monkeypatch, tmp_path):
    """Answer four batches of two samples with so many workers: which node answered each sample."""

    def answered(ray, count):
        monkeypatch.setitem(sys.modules, "ray", ray)
        batches = [[_sample(tmp_path / "here" / IMAGES[k % 2], f"{k}{of}") for of in "xy"] for k in range(4)]
        kept = {}

        def keep(parts):
            for part in parts:
                for sample, answer in zip(part.samples, part.predictions, strict=True):
                    assert sample.id not in kept
                    kept[sample.id] = answer

        with RayEngine(None, count, "played") as engine:
            engine.prepare()
            engine.answer(batches, keep)
        assert len(kept) == 8
        return kept

    return answered


def _sample(image, id):
    return Sample(id, image, (1, 1), (), image.name, Target())


def _asked(ray, method):
    return [(name, argument) for name, what, argument in ray.asked if what == method]


def _names(answers):
    return {answer.text for answer in answers.values()}


def test_a_machine_is_checked_once_and_before_its_first_batch(node, answered):
    ray = PlayedRay([node("here"), node("there", room=2)])
    assert _names(answered(ray, 3)) == {"here", "there"}
    checked = _asked(ray, "hash_of")
    assert [name for name, _ in checked] == ["there"]
    assert {path.name for path in checked[0][1]} == set(IMAGES)
    there = [method for name, method, _ in ray.asked if name == "there" and method != "prepare"]
    assert there[0] == "hash_of"


def test_a_machine_with_other_images_is_refused(node, answered):
    ray = PlayedRay([node("here"), node("there", b"other")])
    with pytest.raises(OSError, match=r"machine there of the cluster has not the same .*a\.png as this one"):
        answered(ray, 2)
    assert "there" not in {name for name, _ in _asked(ray, "predict")}


def test_a_machine_that_comes_after_a_death_is_checked_too(node, answered):
    there, spare = node("there", fails=[ActorDied]), node("spare", b"other", room=0)
    ray = PlayedRay([there, spare])
    ray.later = [lambda: setattr(spare, "room", 1)]
    with pytest.raises(OSError, match="the machine spare of the cluster has not the same"):
        answered(ray, 1)
    assert "spare" not in {name for name, _ in _asked(ray, "predict")}


def test_images_of_a_later_wave_are_checked_and_no_other_again(node, monkeypatch, tmp_path):
    ray = PlayedRay([node("here", room=0), node("there")])
    monkeypatch.setitem(sys.modules, "ray", ray)
    with RayEngine(None, 1, "played") as engine:
        engine.prepare()
        for names in (IMAGES[:1], IMAGES[:1], IMAGES):
            engine.answer([[_sample(tmp_path / "here" / name, name) for name in names]], lambda _: None)
    assert [[path.name for path in paths] for _, paths in _asked(ray, "hash_of")] == [["a.png"], ["b.png"]]


def test_survivors_go_on_without_a_machine_that_is_gone_for_good(node, answered):
    ray = PlayedRay([node("here"), node("there", fails=[ActorDied])])
    assert _names(answered(ray, 2)) == {"here"}  # and nothing waits for ever


def test_a_machine_that_is_lost_before_it_answers_is_not_waited_for(node, answered):
    ray = PlayedRay([node("here"), node("there", stillborn=True)])
    assert _names(answered(ray, 2)) == {"here"}


def test_a_worker_that_comes_late_is_taken_up(node, answered):
    here, there = node("here", fails=[ActorDied]), node("there", room=0)
    ray = PlayedRay([here, there])
    ray.later = [lambda: None, lambda: setattr(there, "room", 1)]
    assert _names(answered(ray, 1)) == {"there"}


def test_while_there_is_no_worker_a_line_says_so(node, answered, capsys):
    here, there = node("here", fails=[ActorDied]), node("there", room=0)
    ray = PlayedRay([here, there])
    ray.later = [lambda: None, lambda: setattr(there, "room", 1)]
    answered(ray, 1)
    line = "note: 0 of 1 workers are ready: waiting for room in the cluster, or for the model to load"
    assert capsys.readouterr().err.splitlines() == [line] * 2


def test_a_lost_reply_is_a_lost_batch_and_its_actor_is_ended(node, answered):
    for failure in (ReplyLost, ShortOfMemory):
        ray = PlayedRay([node(failure.__name__, fails=[failure])])
        assert {answer.outcome for answer in answered(ray, 1).values()} == {Outcome.OK}
        assert [actor.killed for actor in ray.actors] == [True, True]  # the second by close()
        batches = [[sample.id for sample in batch] for _, batch in _asked(ray, "predict")]
        assert batches == [["0x", "0y"], ["0x", "0y"], ["1x", "1y"], ["2x", "2y"], ["3x", "3y"]]


def test_a_batch_that_is_lost_twice_goes_on_sample_by_sample(node, answered):
    ray = PlayedRay([node("here", fails=[ReplyLost] * 3)])
    answers = answered(ray, 1)
    assert answers["0x"].outcome is Outcome.MODEL_ERROR
    assert answers["0x"].detail == "3 workers died on this sample, the last within Ray"
    assert {answer.outcome for id, answer in answers.items() if id != "0x"} == {Outcome.OK}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"CPU": 2.0}, "--workers 3: one CPU each, and the cluster has 2"),
        ({"CPU": 8.0, "GPU": 2.0}, "--workers 3: one GPU each, and the cluster has 2"),
        ({"CPU": 2.0, "GPU": 8.0}, "--workers 3: one CPU each, and the cluster has 2"),
        ({}, "--workers 3: one CPU each, and the cluster has 0"),
    ],
)
def test_more_workers_than_the_cluster_has_room_for_are_refused(node, answered, resources, message):
    ray = PlayedRay([node("here", room=3)])
    ray.cluster_resources = lambda: resources
    with pytest.raises(ValueError, match=f"^{message}$"):
        answered(ray, 3)
    assert not ray.actors
