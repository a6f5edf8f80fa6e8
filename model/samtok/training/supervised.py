"""Supervised fine-tuning of a QwenVL on dialogues with mask words, with transformers' Trainer."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, TrainerCallback

from samtok.build import NanoOptions, build_nano
from samtok.locate import model_folder, vlm_part
from samtok.processor import Processor
from samtok.qwen import load_qwen
from samtok.tokenizer import SAMTok
from samtok.training.average import average
from samtok.training.benchmarks import Benchmarks, RunBenchmarks
from samtok.training.codes import CodeSource, GeometryCodes, TokenizerCodes
from samtok.training.depth import deepen
from samtok.training.dialogues import Batches, Collator, Dialogue, DialogueStage
from samtok.training.folders import newest_checkpoint, step_of
from samtok.training.lora import AdaptedRecipe, save_merged
from samtok.training.merges import learn_merges
from samtok.training.open_codes import OpenCodes
from samtok.training.processes import Share
from samtok.training.recipe import RecipePart, TimedRecipe, TrainingRecipe, load_recipe
from samtok.training.resumable import ResumableTrainer, TimeLimit, TrainingLog
from samtok.training.teacher_forcing import EvaluateTeacherForced, TeacherForced
from samtok.training.token_losses import compute_losses_in_forward, length_weights
from samtok.training.workers import Loader, deaths_of_workers
from samtok.vocabulary import extend_vocabulary, mask_word_ids, reset_code_rows


class StartingWeights(RecipePart):
    """Where the weights come from: a new nano, a checkpoint, or the average of several."""

    nano: NanoOptions | None = None
    corpus: PositiveInt = 2000
    """Dialogues whose texts train nano's text tokenizer, or teach it more words."""
    checkpoint: str | None = None
    """The folder of a QwenVL or of a whole model, a hub id, or nano."""
    average: dict[str, PositiveFloat] | None = Field(default=None, min_length=1)
    """Checkpoints of one descent, and what the weights of each count for; see `average`."""
    pixels: tuple[PositiveInt, PositiveInt] | None = None
    """The least and the most pixels of an image as the model sees it; None keeps the checkpoint's."""
    words: Literal["kept", "random", "near"] = "kept"
    """Embeddings of the code words: kept, drawn anew, or drawn so that similar codes get similar ones."""
    text_layers: PositiveInt | None = None
    """Layers of the language model; a checkpoint with fewer gets new ones that change nothing at first."""

    merges: PositiveInt | None = None
    """New words, at most, of the text tokenizer of a checkpoint of nano's kind; see `learn_merges`."""

    @model_validator(mode="after")
    def _either(self) -> "StartingWeights":
        if [self.nano, self.checkpoint, self.average].count(None) != 2:
            raise ValueError("give either nano, checkpoint or average")
        if self.merges and self.nano:
            raise ValueError("merges belongs to a checkpoint; a new nano learns its words from `corpus`")
        if self.text_layers and self.nano:
            raise ValueError("text_layers belongs to a checkpoint; a new nano has its own")
        return self

    @property
    def checkpoints(self) -> dict[str, float]:
        """What the weights of each checkpoint count for; none for a new nano."""
        return self.average or ({self.checkpoint: 1.0} if self.checkpoint else {})


class SupervisedRecipe(TrainingRecipe, TimedRecipe, AdaptedRecipe):
    """Everything that `samtok-bench train sft` needs."""

    start: StartingWeights
    codes: str
    """`geometry`, or the name of a SAMTok: `nano`, a folder or a hub id."""
    stages: list[DialogueStage] = Field(min_length=1)
    evaluation: TeacherForced | None = None
    benchmarks: Benchmarks | None = None
    clip: NonNegativeFloat = 1.0
    """Largest norm of the gradient."""
    images_per_pass: PositiveInt | None = None
    """The most dialogues that a process takes at once; more are passes whose gradients are added up."""
    gradient_checkpointing: bool = False
    """Compute the layers' activations again in the backward pass, which saves most of the memory."""
    max_tokens: PositiveInt | None = None
    """Longer dialogues are cut, and counted in the log."""
    image_loss: NonNegativeFloat = 0.0
    """Weight of the loss on visual tokens; see `Collator`."""
    short_answers: float = Field(default=0.0, ge=0, le=1)
    """How much more the tokens of short answers weigh; see `length_weights`, whose power it is."""
    workers: int = Field(default=0, ge=0, le=1024)
    """Processes that draw dialogues, each a batch."""
    pool_workers: int = Field(default=0, ge=0)
    """Processes that prepare the stages' pools."""
    log_every: PositiveInt = 20
    save_every: PositiveInt = 200

    def data_options(self) -> list[dict[str, Any]]:
        evaluated = self.evaluation.sets.values() if self.evaluation else ()
        return [*(stage.options for stage in self.stages), *evaluated]

    def first_dialogues(self) -> list[Dialogue]:
        """One of each stage and of each set of the evaluation, for what can be said before a training begins.

        Raises:
            ValueError, OSError: the data of one cannot be used at all.
        """
        asked = [(self.seed, stage.options) for stage in self.stages]
        if self.evaluation:
            asked += [(self.evaluation.seed, options) for options in self.evaluation.sets.values()]
        return [self.data.first(seed, ["dialogues"], **options) for seed, options in asked]

    @model_validator(mode="after")
    def _has_masks(self) -> "SupervisedRecipe":
        if self.benchmarks is not None and self.codes == "geometry":
            raise ValueError("benchmarks need the tokenizer of the words, and codes: geometry has none")
        return self

    @model_validator(mode="after")
    def _starts_again(self) -> "SupervisedRecipe":
        if self.lora is not None and not self.start.checkpoints:
            raise ValueError("lora needs a start.checkpoint, to whose weights it is added")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> "SupervisedRecipe":
        ends = [stage.until for stage in self.stages]
        if ends != sorted(set(ends)):
            raise ValueError(f"each stage must end after the one before it, got {ends}")
        if any(stage.eyes_only for stage in self.stages[1:]) or (
            self.stages[0].eyes_only and not self.image_loss
        ):
            raise ValueError("eyes_only is allowed in the first stage only, and needs an image_loss")
        return self


def train(recipe_path: str | Path, out: str | Path, resume: bool = False) -> Path:
    """Fine-tune a model.

    Args:
        recipe_path: a recipe file, or the name of a shipped one.
        out: gets log.jsonl (one JSON object per line: learning rate, accuracies, and separate losses of first
            codes, second codes and text) and the Trainer's checkpoints, each a loadable folder of a QwenVL,
            or of what `lora` has added.
        resume: continue from the newest whole checkpoint, as if the training had not stopped.

    Returns:
        the folder of the final model with its mask tokenizer, `out`/final; with codes of geometry, which have
        none, of the weights and processor alone.

    Raises:
        OSError, ValueError: see `load_recipe`, `TrainingRecipe.folder` and `written_whole`.
    """
    recipe = load_recipe(recipe_path, SupervisedRecipe)
    with recipe.folder(out, resume) as folder, deaths_of_workers():
        return _train(recipe, folder, newest_checkpoint(folder) if resume else None)


def _train(recipe: SupervisedRecipe, out: Path, checkpoint: Path | None) -> Path:
    # data that cannot be used at all end the training here in one line, and not in a worker or hours later
    first = recipe.first_dialogues()
    if recipe.benchmarks:
        recipe.benchmarks.require_data()
    codes = _codes(recipe)
    if checkpoint and recipe.lora is None:
        # with the checkpoint's own vocabulary: a new nano's depends on the stages, which may have changed
        model, processor = load_qwen(str(checkpoint), recipe.dtype)
    else:
        model, processor = start_model(recipe, codes)
    model.set_attn_implementation(recipe.attention)
    recipe.freeze(model)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    compute_losses_in_forward(model)
    step = step_of(checkpoint) if checkpoint else 0
    share = Share.of_steps([stage.step_images for stage in recipe.stages], recipe.images_per_pass)
    collator = Collator(processor, codes, recipe.image_loss > 0, recipe.max_tokens, _later(recipe))
    for dialogue in first:
        collator.check_words(dialogue)
    batches = Batches(
        recipe.data, collator, recipe.seed, recipe.stages, step, workers=recipe.pool_workers, share=share
    )
    arguments = recipe.arguments(
        out,
        recipe,
        max_steps=recipe.stages[-1].until,
        max_grad_norm=recipe.clip,
        save_total_limit=2,
        bf16=recipe.autocast == "bfloat16",
        gradient_accumulation_steps=share.passes,
        ddp_find_unused_parameters=recipe.stages[0].eyes_only,
    )
    log = TrainingLog(out / "log.jsonl")
    log.rewind(step)
    trainer = SupervisedTrainer(
        recipe,
        batches,
        processor,
        lambda: start_model(recipe, codes)[0],
        codes,
        model=recipe.lora.add_to(model, processor.tokenizer, recipe.seed) if recipe.lora else model,
        args=arguments,
        callbacks=[_JsonLines(log)],
    )
    trainer.add_callback(TimeLimit(trainer, recipe.seconds))
    if recipe.evaluation:
        drawn = recipe.evaluation.batches(recipe.data, collator, recipe.images_per_pass)
        trainer.add_callback(EvaluateTeacherForced(trainer, recipe.evaluation.every, drawn))
    if recipe.benchmarks:
        trainer.add_callback(RunBenchmarks(trainer, recipe.benchmarks, out))
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    trainer.save_loadable(out / "final")
    return out / "final"


def _codes(recipe: SupervisedRecipe) -> CodeSource:
    """What gives masks their codes, on a GPU unless other processes draw the dialogues."""
    if recipe.codes == "geometry":
        return GeometryCodes()
    drawn_here = not recipe.workers and not recipe.pool_workers
    device = "cuda" if drawn_here and torch.cuda.is_available() else "cpu"
    return TokenizerCodes(SAMTok.from_pretrained(recipe.codes, device=device))


def _later(recipe: SupervisedRecipe) -> bool:
    """Whether this process gives masks their codes, on its GPU, while others draw the dialogues."""
    pools = any(stage.pool for stage in recipe.stages)  # are given their codes once
    return bool(torch.cuda.is_available() and recipe.workers and recipe.codes != "geometry" and not pools)


def start_model(recipe: SupervisedRecipe, codes: CodeSource) -> tuple[PreTrainedModel, Processor]:
    """Build or load the model that training starts from, and its processor."""
    start = recipe.start
    if start.nano is not None:
        model, processor = build_nano(start.nano, _corpus(recipe), recipe.seed)
    else:
        model, processor = average(start.checkpoints, partial(_checkpoint, recipe.dtype))
        extend_vocabulary(model, processor.tokenizer, recipe.seed)
        if start.merges:
            processor.tokenizer = learn_merges(model, processor.tokenizer, _corpus(recipe), start.merges)
        if start.text_layers:
            deepen(model, start.text_layers, recipe.seed)
    if start.words != "kept":
        features = codes.features() if start.words == "near" else None
        reset_code_rows(model, processor.tokenizer, recipe.seed, features)
    if start.pixels:
        processor.limit_pixels(*start.pixels)
    return model.to(recipe.dtype), processor


def _checkpoint(dtype: torch.dtype, name: str) -> tuple[PreTrainedModel, Processor]:
    return load_qwen(vlm_part(model_folder(name)), dtype)


def _corpus(recipe: SupervisedRecipe) -> list[str]:
    """Texts of dialogues of every stage, for the text tokenizer."""
    count = recipe.start.corpus // len(recipe.stages)
    return [
        part
        for stage in recipe.stages
        for dialogue in islice(recipe.data.open(recipe.seed, **stage.options), count)
        for turn in recipe.data.required(dialogue, ["dialogues"])["turns"]
        for parts in turn
        for part in parts
        if isinstance(part, str)
    ]


class _Flat(Loader):
    """The batches of all blocks, one after the other."""

    def __init__(self, batches: Batches, workers: int) -> None:
        super().__init__(batches, batch_size=None, num_workers=workers)
        self._count = batches.count

    def __iter__(self) -> Any:
        for block in super().__iter__():
            yield from block

    def __len__(self) -> int:
        return self._count


class SupervisedTrainer(ResumableTrainer):
    """A Trainer that takes finished batches and logs the loss of each part of an answer."""

    def __init__(
        self,
        recipe: SupervisedRecipe,
        batches: Batches,
        processor: Processor,
        start: Callable[[], PreTrainedModel],
        codes: CodeSource,
        **kwargs: Any,
    ) -> None:
        """`start` makes the model that the training started from, to which LoRA's additions are added.

        The tokenizer of `codes`, if they have one, is the mask tokenizer of a loadable folder.
        """
        super().__init__(processing_class=processor, **kwargs)
        self._start, self._codes, self._samtok = start, codes, codes.tokenizer
        self.model_accepts_loss_kwargs = True  # so that a step's tokens are counted
        self._recipe, self._batches = recipe, batches
        _, first, second, _ = mask_word_ids(processor.tokenizer)
        self._ranges = {"first_code": first, "second_code": second}
        # loss and tokens of each part: their common mean hides whether masks are learned
        self.counted = {part: torch.zeros(2) for part in (*self._ranges, "text", "image", "cut")}
        self._since: tuple[int, float] = (batches.start, time.monotonic())

    def get_train_dataloader(self) -> DataLoader:
        """The batches, unchanged."""
        if self.is_finished:
            return super().get_train_dataloader()
        return _Flat(self._batches, self._recipe.workers)

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Tensor], *_: Any, num_items_in_batch: Any
    ) -> Tensor:
        """Mean cross-entropy of the step's answers, plus the weighted one of the visual tokens.

        Every token of a step weighs the same, in whatever pass and process it is, unless `short_answers` says
        otherwise; `num_items_in_batch` counts them.
        """
        first = self._recipe.stages[0]
        inputs = self.filled(inputs)
        if (cut := inputs.pop("cut", None)) is not None:
            self.counted["cut"] += torch.tensor([cut.sum().item(), len(cut)])
        answers, image = model(eyes_only=first.eyes_only and self.state.global_step < first.until, **inputs)
        passes = self.current_gradient_accumulation_steps
        loss = torch.zeros((), device=self.args.device)
        if answers is not None:
            for part, chosen in self.parts(answers.targets).items():
                self._count(part, answers.losses[chosen])
            losses = answers.losses
            if power := self._recipe.short_answers:
                losses = losses * length_weights(inputs["labels"], power)
            # the mean over processes is taken of their gradients
            loss = losses.sum() * self.args.world_size / num_items_in_batch.clamp_min(1)
        if image is not None and len(image):
            self._count("image", image)
            weight = 1.0 if answers is None else self._recipe.image_loss
            loss = loss + weight * image.mean() / passes
        return loss

    def filled(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """A batch of the collator with codes for words that it has left open."""
        batch = dict(batch)
        left: OpenCodes | None = batch.pop("open", None)
        return left.fill(batch, self._codes, *self._ranges.values()) if left else batch

    def save_loadable(self, folder: Path) -> None:
        """Write a whole model, or the QwenVL alone without a mask tokenizer; all processes call this."""
        if self._recipe.lora is None:
            self.save_whole(folder, self._samtok)
        else:
            save_merged(self, folder, self._start, self._samtok)

    def _count(self, part: str, losses: Tensor) -> None:
        self.counted[part] += torch.tensor([losses.detach().sum().item(), len(losses)])

    def parts(self, targets: Tensor) -> dict[str, Tensor]:
        """For each part of an answer, which of the target tokens (M,) int64 belong to it, (M,) bool."""
        chosen = {part: (targets >= ids.start) & (targets < ids.stop) for part, ids in self._ranges.items()}
        return {**chosen, "text": ~(chosen["first_code"] | chosen["second_code"])}

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the parts' losses since the last log, and steps per second, to the Trainer's own entries."""
        if "loss" in logs:
            for part, sums in self.counted.items():
                total, count = self.total(sums).tolist()
                if part == "cut":
                    logs |= {"cut_dialogues": int(total)} if count else {}
                elif count:
                    logs[f"loss_{part}"] = round(total / count, 4)
                sums.zero_()
            step, now = self.state.global_step, time.monotonic()
            logs["steps_per_second"] = round((step - self._since[0]) / (now - self._since[1]), 3)
            self._since = (step, now)
        super().log(logs, start_time)


class _JsonLines(TrainerCallback):
    """Writes every log entry as one JSON line."""

    def __init__(self, log: TrainingLog) -> None:
        self._log = log

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self._log.write({"step": state.global_step, **logs})
