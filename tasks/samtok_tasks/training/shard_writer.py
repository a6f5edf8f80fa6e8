"""Writes shards of dialogues, each whole or not there, by several processes; an image is embedded once."""

import hashlib
import json
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from samtok_bench import images, registry
from samtok_bench.codec import Codec
from samtok_bench.files import write_whole
from samtok_bench.interruption import keeping
from samtok_bench.predictor import PredictorOptions
from samtok_bench.progress import Reporter
from samtok_bench.running.engines.workers import Place, sendable, spawned
from samtok_bench.sample import image_key
from samtok_bench.task import Dropped
from samtok_tasks.dialogues import Picture, Stated, stated_exchanges
from samtok_tasks.training.shards import (
    SETTINGS,
    LeftOutOf,
    ShardHeader,
    ShardLine,
    ShardSettings,
    read_header,
    read_settings,
    shard_path,
)


@dataclass(frozen=True)
class ShardWriter:
    """Writes shards, in whatever process."""

    settings: ShardSettings
    folder: Path
    root: Path
    options: PredictorOptions
    max_pixels: int = field(default_factory=images.max_pixels)
    """Of an image, as in the driver."""

    def codec(self) -> Codec:
        """The tokenizer, unloaded."""
        kind, argument = registry.codec_class(self.settings.tokenizer)
        return kind(argument, self.options)

    def write(self, number: int, shown: Sequence[Picture], codec: Codec) -> None:
        """Write the shard of these images, whole."""
        left_out, lines = Dropped(), list[ShardLine]()
        for picture in shown:
            try:
                lines.append(_worded(picture, self.root, codec))
            except (OSError, ValueError) as error:
                left_out.add("images that cannot be encoded", str(picture.image), str(error))
        reasons = {
            reason: LeftOutOf(count=count, first=left_out.first[reason])
            for reason, count in left_out.counts.items()
        }
        header = ShardHeader(shard=number, codebooks=self.settings.codebooks, left_out=reasons)
        content = "".join(f"{line.model_dump_json()}\n" for line in (header, *lines))
        write_whole(shard_path(self.folder, number), content.encode())


def content_hash(shown: Sequence[Picture]) -> str:
    """sha256 over the questions and answers, without the pixels of the images."""
    found = hashlib.sha256()
    for picture in shown:
        for sample in picture.samples:
            found.update(f"{sample.id}\x1f{json.dumps(list(stated_exchanges(sample)))}\x1e".encode())
    return found.hexdigest()


def write_shards(writer: ShardWriter, shown: Sequence[Picture], workers: int, reporter: Reporter) -> Dropped:
    """Write the shards that are not there yet.

    Args:
        writer: what to write.
        shown: all images, in order.
        workers: processes.
        reporter: told how far it is, in images.

    Returns:
        what is left out of all shards.

    Raises:
        ValueError: the folder holds other dialogues.
        OSError: a file cannot be written, or a worker died.
    """
    settings, folder = writer.settings, writer.folder
    _claim(settings, folder)
    each = settings.images_per_shard
    jobs = {k: shown[k * each : (k + 1) * each] for k in range(settings.shards)}
    missing = {number: job for number, job in jobs.items() if not shard_path(folder, number).is_file()}
    reporter.start("images", len(shown), len(shown) - sum(map(len, missing.values())))
    try:
        with keeping(lambda: f"the shards in {folder} are whole: the same command goes on"):
            written = _in_processes(writer, missing, workers) if workers > 1 else _here(writer, missing)
            for number in written:
                reporter.advance(len(jobs[number]))
    finally:
        reporter.stop()
    left_out = Dropped()
    for number in jobs:
        for reason, of in read_header(shard_path(folder, number)).left_out.items():
            left_out.add(reason, of.first, count=of.count)
    return left_out


def _claim(settings: ShardSettings, folder: Path) -> None:
    """Say in a folder what it is to hold, unless it holds that already."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SETTINGS).exists():
        write_whole(folder / SETTINGS, settings.model_dump_json(indent=1).encode())
    elif differing := settings.differences(read_settings(folder)):
        raise ValueError(
            f"{folder} holds dialogues that differ in {', '.join(differing)}: choose another folder"
        )


def _here(writer: ShardWriter, jobs: dict[int, Sequence[Picture]]) -> Iterator[int]:
    codec = writer.codec()
    for number, job in jobs.items():
        writer.write(number, job, codec)
        yield number


def _in_processes(writer: ShardWriter, jobs: dict[int, Sequence[Picture]], workers: int) -> Iterator[int]:
    """Numbers of shards as they are written by workers, which end when this process does."""
    waiting = ((number, [_sendable(picture) for picture in job]) for number, job in jobs.items())
    connections: list[Connection] = []
    processes = []
    try:
        for place in range(min(workers, len(jobs))):
            process, ours = spawned(_work, writer, Place(place, workers))
            processes.append(process)
            connections.append(ours)
            ours.send(next(waiting))
        busy = list(connections)
        while busy:
            for connection in wait(busy):
                assert isinstance(connection, Connection)
                try:
                    said = connection.recv()
                except (EOFError, OSError):
                    raise OSError("a worker died: out of memory, or ended from outside") from None
                if isinstance(said, Exception):
                    raise said
                yield said
                if (job := next(waiting, None)) is None:
                    busy.remove(connection)
                else:
                    connection.send(job)
    finally:
        for process, connection in zip(processes, connections, strict=True):
            connection.close()
            process.kill()
            process.join()


def _sendable(picture: Picture) -> Picture:
    return replace(picture, samples=tuple(sendable(picture.samples)))


def _work(connection: Connection, writer: ShardWriter, place: Place) -> None:
    """The life of a worker: shards, one after the other, until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver ends it
    try:
        images.allow_pixels(writer.max_pixels)
        codec = replace(writer, options=place.take(writer.options, _gpus())).codec()
        while True:
            number, job = connection.recv()
            writer.write(number, job, codec)
            connection.send(number)
    except (EOFError, ConnectionError):
        return
    except (OSError, ValueError) as error:
        connection.send(OSError(str(error)))


def _gpus() -> int:
    import torch

    return int(torch.cuda.device_count())


def _worded(picture: Picture, root: Path, codec: Codec) -> ShardLine:
    """What is asked about an image, with the words of its masks; OSError or ValueError where it has none."""
    height, width = picture.samples[0].size
    dialogues = [list(stated_exchanges(sample)) for sample in picture.samples]
    masks = {
        part["counts"]: part
        for dialogue in dialogues
        for exchange in dialogue
        for parts in exchange
        for part in parts
        if not isinstance(part, str)
    }
    embedding = codec.embed_file(picture.image, (height, width), picture.upright)
    codes = codec.encode(embedding, list(masks.values())) if masks else []
    words = {counts: codec.text(code) for counts, code in zip(masks, codes, strict=True)}

    def said(parts: Sequence[Stated]) -> str:
        return "".join(part if isinstance(part, str) else words[part["counts"]] for part in parts)

    return ShardLine(
        image=image_key(picture.image, root),
        size=[height, width],
        upright=picture.upright,
        dialogues=[[(said(asked), said(answered)) for asked, answered in dialogue] for dialogue in dialogues],
    )
