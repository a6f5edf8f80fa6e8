"""Training of the tokenizer in stages: prompts, mask encoder, quantizer.

Each stage is a run of transformers.Trainer with its own warm-up. The next stage starts from its weights.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import TrainerCallback

from samtok.checkpoints import sam2_state
from samtok.config import SAMTokConfig, build_sam2_config
from samtok.images import to_pixels
from samtok.masks import mask_iou
from samtok.quantizer import ResidualQuantizer
from samtok.sam2_parts import best_mask, encode_images
from samtok.tokenizer import THRESHOLD, SAMTok
from samtok.training.folders import UNFINISHED, newest_checkpoint, step_of, weights_fault, written_whole
from samtok.training.losses import mask_losses
from samtok.training.processes import Share, processes
from samtok.training.recipe import (
    DataSource,
    Optimisation,
    RecipePart,
    Seed,
    TrainingRecipe,
    load_recipe,
)
from samtok.training.resumable import ResumableTrainer, TrainingLog, is_due
from samtok.training.sizes import SAMTokSizes, Size
from samtok.training.workers import Loader, deaths_of_workers

FINAL = "final"
PromptPath = Literal["box", "mask", "codes"]


class TokenizerStage(Optimisation):
    """A stage of the tokenizer's training; the defaults are the released numbers."""

    name: str = Field(pattern=r"^\w[\w.-]*$")
    """Also of its folder."""
    steps: int = Field(gt=0)
    paths: dict[PromptPath, NonNegativeFloat]
    """The relative frequency of each path of `SAMTok.forward`."""
    learning_rate: NonNegativeFloat = 4e-5
    masks: Literal["predicted", "all"] = "predicted"
    """Which of the decoder's three masks get a loss: the one with the best predicted IoU, or all."""
    cross_entropy: NonNegativeFloat = 2.0
    dice: NonNegativeFloat = 0.5
    iou: NonNegativeFloat = 0.0
    """Weight of the squared error of the predicted IoU."""
    commitment: NonNegativeFloat = 1.0
    points: int = Field(default=12544, gt=0, le=2**24)
    """Points per mask at which the losses are taken."""
    restart_below: NonNegativeFloat = 1.0
    decay: float = Field(default=0.99, ge=0, le=1)
    start_codes: NonNegativeInt = 0
    """Vectors for the k-means that initialises the codebooks; 0 keeps the codebooks."""

    def freeze(self, model: nn.Module) -> None:
        """Say of each parameter whether it is trained; what predicts the IoU, only where it has a loss."""
        super().freeze(model)
        if not self.iou:
            model.get_submodule("sam2.mask_decoder.iou_prediction_head").requires_grad_(False)

    @model_validator(mode="after")
    def _has_a_path(self) -> "TokenizerStage":
        if not sum(self.paths.values()):
            raise ValueError("paths: one of them needs a frequency above 0")
        return self


class TokenizerEvaluation(RecipePart):
    """Round trips on fixed images during training."""

    data: DataSource
    seed: Seed
    images: int = Field(gt=0)
    every: int = Field(gt=0)
    """Steps between two evaluations."""

    @model_validator(mode="after")
    def _has_data(self) -> "TokenizerEvaluation":
        self.data.check({})
        return self


class TokenizerRecipe(TrainingRecipe):
    """Everything that `samtok-bench train tokenizer` needs."""

    start: str | None = None
    """`nano`, a folder of ours, or the folder of the published pair; None trains from scratch."""
    sam2: Path | None = None
    """SAM 2.1's own weights, sam2.1_hiera_large.pt: mask encoder and codebooks alone begin from scratch."""
    model: SAMTokSizes = SAMTokSizes()
    codebook_size: Size = 256
    codebook_depth: int = Field(default=2, gt=0, le=64)
    evaluation: TokenizerEvaluation
    mask_size: Size
    """Side in pixels of the square to which masks are resized (nearest neighbour)."""
    images_per_step: int = Field(gt=0)
    images_per_pass: PositiveInt | None = None
    """The most images that a process takes at once; more are passes whose gradients are added up."""
    workers: int = Field(default=0, ge=0, le=1024)
    """Processes that draw images, each a pass's."""
    log_every: PositiveInt = 50
    save_every: PositiveInt = 500
    stages: list[TokenizerStage] = Field(min_length=1)

    @model_validator(mode="after")
    def _enough_vectors(self) -> "TokenizerRecipe":
        for number, stage in enumerate(self.stages):
            # a starting model has its own codebooks, of a size that is not known yet
            if self.start is None and 0 < stage.start_codes < self.codebook_size:
                raise ValueError(
                    f"stages.{number}.start_codes: {stage.start_codes} vectors cannot start "
                    f"{self.codebook_size} codes"
                )
        return self

    @model_validator(mode="after")
    def _one_start(self) -> "TokenizerRecipe":
        if self.start and self.sam2:
            raise ValueError("give either start or sam2")
        return self

    @model_validator(mode="after")
    def _folders_of_their_own(self) -> "TokenizerRecipe":
        names = [stage.name for stage in self.stages]
        if len({*names, FINAL, UNFINISHED}) != len(names) + 2:
            raise ValueError(
                f"stages: each needs a name of its own, not {FINAL} or {UNFINISHED}, got {names}"
            )
        return self


def train(recipe_path: str | Path, out: str | Path, resume: bool = False) -> Path:
    """Train a tokenizer.

    Args:
        recipe_path: a recipe file, or the name of a shipped one.
        out: gets log.jsonl (losses, learning rate, IoU on the evaluation images), one folder per stage with
            the Trainer's checkpoints, and final/.
        resume: skip finished stages and continue an unfinished one from its newest whole checkpoint, as if
            the training had not stopped.

    Returns:
        the folder of the last stage's weights, `out`/final.

    Raises:
        OSError, ValueError: see `load_recipe`, `TrainingRecipe.folder` and `written_whole`.
    """
    recipe = load_recipe(recipe_path, TokenizerRecipe)
    with recipe.folder(out, resume) as folder, deaths_of_workers():
        return _train(recipe, folder, resume)


def _train(recipe: TokenizerRecipe, out: Path, resume: bool) -> Path:
    for data, seed in ((recipe.data, recipe.seed), (recipe.evaluation.data, recipe.evaluation.seed)):
        data.first(seed, ["regions"])  # other data end the training here, and not in a worker
    torch.manual_seed(recipe.seed)
    model = SAMTok.from_pretrained(recipe.start) if recipe.start else from_scratch(recipe)
    if recipe.sam2:
        model.load_state_dict(sam2_state(recipe.sam2, model.state_dict()), strict=False)
    for index, stage in enumerate(recipe.stages):
        done = out / stage.name / "done"
        if resume and weights_fault(done) is None:
            model = SAMTok.from_pretrained(done)
            continue
        _train_stage(model, recipe, index, out, resume)
        _save(model, done)
    _save(model, out / FINAL)
    return out / FINAL


def _save(model: SAMTok, folder: Path) -> None:
    if processes().is_main_process:
        with written_whole(folder) as aside:
            model.save_pretrained(aside)
    processes().wait_for_everyone()


def from_scratch(recipe: TokenizerRecipe) -> SAMTok:
    """Build an untrained SAMTok that can learn.

    transformers initialises SAM 2 for loading weights, not for training: the standard deviation is 0.02
    throughout, and the two copies of the positional encoding differ, so that prompts and image disagree about
    places. SAM is trained from PyTorch's own initialisation and one shared encoding.
    """
    sizes = build_sam2_config(**recipe.model.arguments())
    model = SAMTok(SAMTokConfig(sizes, recipe.codebook_size, recipe.codebook_depth))
    sam2 = model.sam2
    for part in (sam2.prompt_encoder, sam2.mask_decoder, model.mask_encoder, sam2.vision_encoder):
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.LayerNorm | nn.Embedding):
                module.reset_parameters()
    nn.init.trunc_normal_(sam2.vision_encoder.backbone.pos_embed, std=0.02)
    nn.init.trunc_normal_(sam2.vision_encoder.backbone.pos_embed_window, std=0.02)
    shared = sam2.prompt_encoder.shared_embedding.positional_embedding
    shared.copy_(sam2.shared_image_embedding.positional_embedding)
    return model


class Regions(Dataset[dict[str, Tensor]]):
    """Images and masks of a data source as model inputs, by their numbers."""

    def __init__(self, data: DataSource, seed: int, image_size: int, mask_size: int) -> None:
        self.data, self.seed, self.image_size, self.mask_size = data, seed, image_size, mask_size

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        image, masks = self.data.required(self.data.pick(self.seed, number), ["regions"])
        return {
            "pixel_values": to_pixels(image, self.image_size),
            "masks": resize_masks(torch.as_tensor(masks), self.mask_size),
        }


def resize_masks(masks: Tensor, size: int) -> Tensor:
    """Resize masks by nearest neighbour: (N, H, W) bool -> (N, size, size) bool.

    A thin mask that would lose all of its pixels has each one instead that it touches.
    """
    if masks.shape[-2:] == (size, size):
        return masks
    small = nn.functional.interpolate(masks[None].float(), (size, size))[0] > 0
    lost = masks.flatten(1).any(1) & ~small.flatten(1).any(1)
    if lost.any():
        small[lost] = nn.functional.adaptive_max_pool2d(masks[lost].float(), size) > 0
    return small


class Numbers:
    """The numbers of the images that a process sees in steps of `count` images, pass by pass."""

    def __init__(self, steps: range, count: int, share: Share) -> None:
        self._steps, self._count, self._share = steps, count, share

    def __iter__(self) -> Iterator[int]:
        for step in self._steps:
            for part in self._share.parts(range(step * self._count, (step + 1) * self._count)):
                yield from part

    def __len__(self) -> int:
        return len(self._steps) * self._count // self._share.processes


class StageTrainer(ResumableTrainer):
    """Trainer with the mask losses of a stage."""

    stage: TokenizerStage
    numbers: "Numbers"
    workers: int

    def get_train_dataloader(self):
        """This process's images, a pass at a time."""
        if self.is_finished:
            return super().get_train_dataloader()
        return Loader(
            self.train_dataset,
            sampler=self.numbers,
            batch_size=self.args.per_device_train_batch_size,
            num_workers=self.workers,
        )

    def compute_loss(self, model, inputs, **_):
        """Loss of a batch; its parts are kept for the log."""
        stage = self.stage
        draw = np.random.default_rng((self.args.seed, self.state.global_step))
        weights = np.array(list(stage.paths.values()))
        path = str(draw.choice(list(stage.paths), p=weights / weights.sum()))
        codes = {
            "update": True,
            "hold": not self.accelerator.sync_gradients,  # until the last pass of the step
            "restart_below": stage.restart_below,
            "decay": stage.decay,
        }
        out = model(**inputs, path=path, **(codes if path == "codes" else {}))

        target = inputs["masks"].flatten(0, 1)  # (M, H, W)
        logits, predicted = out.logits.flatten(0, 1), out.iou.flatten(0, 1)  # (M, 3, h, w), (M, 3)
        chosen = logits if stage.masks == "all" else best_mask(out.logits, out.iou).flatten(0, 1)[:, None]
        repeat = chosen.shape[1]
        entropy, dice = mask_losses(chosen.flatten(0, 1), target.repeat_interleave(repeat, 0), stage.points)
        loss = stage.cross_entropy * entropy.mean() + stage.dice * dice.mean()
        loss = loss + stage.commitment * out.commitment
        if stage.iou:
            small = resize_masks(target, logits.shape[-1])[:, None]
            actual = mask_iou(logits.detach() > THRESHOLD, small.expand_as(logits))
            loss = loss + stage.iou * (predicted - actual).square().mean()
        parts = {"entropy": entropy.mean(), "dice": dice.mean(), "commitment": out.commitment}
        self.parts = {"path": path, **{name: part.item() for name, part in parts.items()}}
        return loss


class Progress(TrainerCallback):
    """Writes log.jsonl: the Trainer's figures, and the IoU of round trips on fixed images."""

    def __init__(self, log: TrainingLog, trainer: StageTrainer, evaluation: TokenizerEvaluation) -> None:
        self.log, self.trainer, self.evaluation = log, trainer, evaluation
        self.start = time.time()
        data, stream = evaluation.data, evaluation.data.open(evaluation.seed)
        self.samples = [data.required(next(stream), ["regions"]) for _ in range(evaluation.images)]

    def on_log(self, args, state, control, logs=None, **kwargs):
        parts = self.trainer.parts if "loss" in logs else {}
        self._write(state.global_step, {**logs, **parts})

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if is_due(self.evaluation.every, state, control):
            self._write(state.global_step, evaluate(model, self.samples, sorted(self.trainer.stage.paths)))

    def _write(self, step: int, figures: dict[str, Any]) -> None:
        stage, seconds = self.trainer.stage.name, round(time.time() - self.start)
        self.log.write({"stage": stage, "step": step, "seconds": seconds, **figures})


@torch.no_grad()
def evaluate(
    model: SAMTok, samples: list[tuple[np.ndarray, np.ndarray]], paths: Sequence[str]
) -> dict[str, float]:
    """Measure round trips at the images' own size.

    Args:
        samples: images (H, W, 3) uint8, each with its masks (N, H, W) bool.
        paths: paths of `SAMTok.forward`.

    Returns:
        for each path the mean IoU, 0 to 1, of all masks and by area (small: below 2 % of the image, medium:
        below 6 %, large; absent without such masks), and the perplexity of each codebook on path "codes".
    """
    training, autocast = model.training, model.autocast
    model.eval().autocast = None
    figures: dict[str, float] = {}
    for path in paths:
        ious, areas, codes = [], [], []
        for image, masks in samples:
            truth = torch.as_tensor(masks, device=model.device)  # (N, H, W)
            pixels = to_pixels(image, model.config.image_size)[None].to(model.device)
            out = model(pixels, truth[None], path=path)
            best = best_mask(out.logits, out.iou)  # (1, N, h, w)
            full = nn.functional.interpolate(best, truth.shape[-2:], mode="bilinear")[0] > THRESHOLD
            ious.append(mask_iou(full, truth))
            areas.append(truth.float().mean((1, 2)))
            if out.codes is not None:
                codes.append(out.codes[0])
        iou, area = torch.cat(ious), torch.cat(areas)
        figures[f"iou_{path}"] = iou.mean().item()
        for name, low, high in (("small", 0, 0.02), ("medium", 0.02, 0.06), ("large", 0.06, 1.01)):
            bucket = iou[(area >= low) & (area < high)]
            if len(bucket):
                figures[f"iou_{path}_{name}"] = bucket.mean().item()
        for level, column in enumerate(torch.cat(codes).T if codes else []):
            share = column.bincount(minlength=model.config.codebook_size) / len(column)
            figures[f"perplexity_{level + 1}"] = torch.special.entr(share).sum().exp().item()
    model.train(training).autocast = autocast
    return {name: round(value, 4) for name, value in figures.items()}


def _train_stage(model: SAMTok, recipe: TokenizerRecipe, index: int, out: Path, resume: bool) -> None:
    stage = recipe.stages[index]
    folder = out / stage.name
    checkpoint = newest_checkpoint(folder) if resume else None
    step = step_of(checkpoint) if checkpoint else 0
    log = TrainingLog(out / "log.jsonl")
    log.rewind(step, stage.name, [earlier.name for earlier in recipe.stages[:index]])
    # by its number alone, so that a stage does not depend on whether the one before it ran in this process
    seed = int(np.random.SeedSequence((recipe.seed, index, 0)).generate_state(1)[0])
    torch.manual_seed(seed)
    count = recipe.images_per_step
    share = Share.of_steps([count], recipe.images_per_pass)
    data = Regions(recipe.data, seed, model.config.image_size, recipe.mask_size)
    model.train()
    model.set_attn_implementation(recipe.attention)
    model.autocast = getattr(torch, recipe.autocast) if recipe.autocast else None
    stage.freeze(model)
    if stage.start_codes and checkpoint is None:
        model.to(processes().device)
        _start_codebooks(model.quantizer, _vectors(model, data, stage.start_codes))
    arguments = recipe.arguments(
        folder,
        stage,
        max_steps=stage.steps,
        per_device_train_batch_size=len(share.parts(range(count))[0]),
        gradient_accumulation_steps=share.passes,
        ddp_find_unused_parameters=True,  # a path does not use all of the model
        save_total_limit=1,
        label_names=[],
        dataloader_pin_memory=False,
    )
    trainer = StageTrainer(model, arguments, train_dataset=data)
    trainer.stage, trainer.workers = stage, recipe.workers
    trainer.numbers = Numbers(range(step, stage.steps), count, share)
    trainer.add_callback(Progress(log, trainer, recipe.evaluation))
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))


@torch.no_grad()
def _vectors(model: SAMTok, data: Regions, count: int) -> Tensor:
    """At least `count` mask vectors z, (M, D)."""
    found: list[Tensor] = []
    while sum(map(len, found)) < count:
        sample = data[len(found)]
        pixels, masks = (sample[key][None].to(model.device) for key in ("pixel_values", "masks"))
        found.append(model.encode_vectors(encode_images(model.sam2, pixels), masks)[0])
    return torch.cat(found)


def _start_codebooks(quantizer: ResidualQuantizer, vectors: Tensor) -> None:
    """Run k-means on the vectors (M, D), level by level on the residuals."""
    for codebook in quantizer.levels:
        size = codebook.weight.shape[0]
        codebook.start_from(vectors[torch.randperm(len(vectors))[:size]])
        for _ in range(20):
            codebook.update(vectors, codebook.nearest(vectors), decay=0.0, restart_below=1.0)
        codebook.start_from(codebook.weight.clone())
        vectors = vectors - codebook(codebook.nearest(vectors))
