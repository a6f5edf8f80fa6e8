"""Reinforcement learning of a QwenVL with mask words, by TRL's GRPO trainer.

Rewards, prompts and watches are ours. TRL is an extra, imported when a training begins:
`pip install 'samtok-bench[rl]'`.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from samtok.agreement import check_parts
from samtok.locate import model_folder, vlm_part
from samtok.processor import QwenVLProcessor
from samtok.qwen import load_qwen
from samtok.tokenizer import SAMTok
from samtok.training.benchmarks import Benchmarks, RunBenchmarks
from samtok.training.codes import TokenizerCodes
from samtok.training.folders import newest_checkpoint, step_of
from samtok.training.lora import AdaptedRecipe, save_merged
from samtok.training.processes import processes
from samtok.training.prompts import Prompt
from samtok.training.questions import draw_questions
from samtok.training.recipe import RecipePart, TimedRecipe, TrainingRecipe, load_recipe
from samtok.training.resumable import Ending, ResumableTrainer, TimeLimit, TrainingLog
from samtok.training.reward_adapters import ForTRL, text_of
from samtok.training.rewards import REWARDS, CodeDistance, DecodedIoU, Reward
from samtok.training.shared_prompts import Groups, generate_from_shared_prompts, pack
from samtok.training.watches import DEFAULT_WATCHES, Watch, Watches, figures

if TYPE_CHECKING:
    from datasets import Dataset

RewardName = Literal[
    "paper",
    "graded",
    "matched",
    "attempt",
    "distance",
    "iou",
    "phrases",
    "grounded",
    "well_formed",
    "thinking_format",
    "no_repeat",
]
# fmt: off
TRL_OPTIONS = frozenset({
    "cast_lm_head_to_fp32", "delta", "disable_dropout", "ds3_gather_for_generation", "entropy_coef",
    "epsilon", "epsilon_high", "importance_sampling_level", "loss_type", "mask_truncated_completions",
    "max_grad_norm", "min_p", "multi_objective_aggregation", "num_iterations", "ref_model_mixup_alpha",
    "ref_model_sync_steps", "repetition_penalty", "scale_rewards", "steps_per_generation", "sync_ref_model",
    "top_entropy_quantile", "top_k", "top_p", "use_vllm", "vllm_enable_sleep_mode",
    "vllm_gpu_memory_utilization", "vllm_group_port", "vllm_importance_sampling_clip_max",
    "vllm_importance_sampling_clip_min", "vllm_importance_sampling_correction",
    "vllm_importance_sampling_mode", "vllm_max_model_length", "vllm_mode", "vllm_model_impl",
    "vllm_server_base_url", "vllm_server_host", "vllm_server_port", "vllm_server_timeout",
    "vllm_tensor_parallel_size",
})
# fmt: on
"""Options of TRL's GRPOConfig that a recipe passes on; none of them runs code or sends anything elsewhere."""


class WeightedReward(RecipePart):
    """A reward and its weight in the sum."""

    name: RewardName
    weight: PositiveFloat = 1.0
    scale: PositiveFloat | None = None
    """Of `distance`; see `CodeDistance`."""
    sources: list[str] | None = None
    """Only for prompts of these sources, such as `thinking_gres`; None for all."""

    @model_validator(mode="after")
    def _scaled(self) -> "WeightedReward":
        if self.scale is not None and self.name != "distance":
            raise ValueError(f"scale is of distance, not of {self.name}")
        return self

    def make(self, samtok: SAMTok, tokenizer: PreTrainedTokenizerBase) -> ForTRL:
        """The reward, for the answers of a model with these tokenizers of masks and of text."""
        reward: Reward | DecodedIoU
        if self.name == "distance":
            reward = CodeDistance.of(samtok, self.scale)
        else:
            reward = DecodedIoU(samtok) if self.name == "iou" else REWARDS[self.name]
        return ForTRL(reward, tokenizer, self.sources)


class ReinforcedRecipe(TrainingRecipe, TimedRecipe, AdaptedRecipe):
    """Everything that `samtok-bench train rl` needs."""

    start: str
    """The model to begin with: `nano`, a folder or a hub id."""
    codes: str | None = None
    """Its mask tokenizer, where the model's folder has none."""
    pixels: tuple[PositiveInt, PositiveInt] | None = None
    """The least and the most pixels of an image as the model sees it; None keeps the checkpoint's."""
    prompts: PositiveInt
    """Questions that are drawn from the data before the training, and then taken in turn."""
    no_target: float | None = Field(default=None, ge=0, le=1)
    """Largest share of prompts without a target; None takes them as they come."""
    rewards: list[WeightedReward] = Field(min_length=1)
    shuffled: bool = False
    """A control: rewards go to other answers of the same prompt, so that nothing can be learned from them."""
    steps: PositiveInt
    prompts_per_step: PositiveInt
    answers: int = Field(default=8, ge=2)
    """Sampled for each prompt: its group."""
    answers_per_pass: PositiveInt | None = None
    """The most that a process takes at once; more are passes whose gradients are added up."""
    max_new_tokens: PositiveInt = 128
    temperature: PositiveFloat = 1.0
    kl: NonNegativeFloat = 0.0
    """Weight of the divergence from the model at the start."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass. TRL's own default is to do so."""
    trl: dict[str, Any] = Field(default_factory=dict)
    """Further options of TRL's GRPOConfig, those of vLLM among them; see TRL_OPTIONS."""
    watch: list[Watch] = Field(default_factory=lambda: list(DEFAULT_WATCHES))
    benchmarks: Benchmarks | None = None
    log_every: PositiveInt = 1
    save_every: PositiveInt = 50

    @model_validator(mode="after")
    def _consistent(self) -> "ReinforcedRecipe":
        names = [reward.name for reward in self.rewards]
        if len(set(names)) < len(names):
            raise ValueError(f"rewards: each at most once, got {', '.join(names)}")
        if unknown := sorted(self.trl.keys() - TRL_OPTIONS):
            raise ValueError(f"trl: {unknown[0]} cannot be set here; {', '.join(sorted(TRL_OPTIONS))} can")
        if not self.kl and any(watch.figure == "kl" for watch in self.watch):
            raise ValueError("watch: kl is only there where the recipe's kl is above 0")
        self.passes(1)
        return self

    def passes(self, processes: int) -> tuple[int, int]:
        """Answers that a process takes at once, and how often in a step.

        Raises:
            ValueError: the step's answers cannot be shared out evenly.
        """
        total = self.prompts_per_step * self.answers
        at_once = self.answers_per_pass or max(total // processes, 1)
        if total % (at_once * processes):
            raise ValueError(
                f"answers_per_pass: the {total} answers of a step are no multiple of {at_once} in each of "
                f"{processes} processes"
            )
        return at_once, total // (at_once * processes)


def train(recipe_path: str | Path, out: str | Path, resume: bool = False) -> Path:
    """Train a model by reinforcement.

    Args:
        recipe_path: a recipe file, or the name of a shipped one.
        out: gets log.jsonl (one JSON object per line: rewards, TRL's figures and those of `watches.figures`)
            and the Trainer's checkpoints.
        resume: continue from the newest whole checkpoint. TRL discards answers that were sampled for further
            steps and not yet used: these are sampled again, from the same prompts.

    Returns:
        the folder of the final model with its mask tokenizer, `out`/final.

    Raises:
        OSError, ValueError: see `load_recipe`, `TrainingRecipe.folder` and `written_whole`; TRL is not
            installed; the parts of the model do not fit each other.
    """
    recipe = load_recipe(recipe_path, ReinforcedRecipe)
    needed = {"trl": "samtok-bench[rl]", "datasets": "samtok-bench[rl]"}
    if recipe.trl.get("use_vllm"):
        needed["vllm"] = "trl[vllm]"
    for package, extra in needed.items():
        if find_spec(package) is None:
            raise ValueError(f"{package} is not installed: pip install '{extra}'")
    with recipe.folder(out, resume) as folder:
        return _train(recipe, folder, newest_checkpoint(folder) if resume else None)


def _train(recipe: ReinforcedRecipe, out: Path, checkpoint: Path | None) -> Path:
    if recipe.benchmarks:
        recipe.benchmarks.require_data()
    arguments = _arguments(recipe, out)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    samtok = SAMTok.from_pretrained(recipe.codes or recipe.start, device=device)
    # TRL loads the reference model of the KL term from where this one comes from: never a checkpoint
    model, processor = _start_model(recipe)
    if not isinstance(processor, QwenVLProcessor):
        raise ValueError(f"start: {recipe.start} is no Qwen, which reinforcement learning needs")
    model.set_attn_implementation(recipe.attention)
    if recipe.pixels:
        processor.limit_pixels(*recipe.pixels)
    check_parts(model, processor, samtok.config)
    recipe.freeze(model)
    generate_from_shared_prompts(model)
    processor.tokenizer.padding_side = "left"  # where answers begin side by side; TRL takes it for granted
    prompts = draw_questions(
        recipe.data, TokenizerCodes(samtok), recipe.seed, recipe.prompts, recipe.no_target
    )
    log = TrainingLog(out / "log.jsonl")
    log.rewind(step_of(checkpoint) if checkpoint else 0)
    torch.manual_seed(recipe.seed)  # of what lora adds
    trainer = trainer_class()(
        recipe,
        samtok,
        model=model,
        processing_class=processor,
        reward_funcs=[reward.make(samtok, processor.tokenizer) for reward in recipe.rewards],
        train_dataset=as_dataset(prompts),
        args=arguments,
        peft_config=recipe.lora.layers() if recipe.lora else None,
        callbacks=[_LogAndWatch(log, recipe.watch)],
    )
    trainer.add_callback(TimeLimit(trainer, recipe.seconds))
    if recipe.benchmarks:
        trainer.add_callback(RunBenchmarks(trainer, recipe.benchmarks, out))
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    trainer.save_loadable(out / "final")
    return out / "final"


def _start_model(recipe: ReinforcedRecipe) -> tuple[Any, Any]:
    return load_qwen(vlm_part(model_folder(recipe.start)), recipe.dtype)


def as_dataset(prompts: list[Prompt]) -> "Dataset":
    """Prompts as TRL takes them: "prompt", "images", and what rewards need, "truth", "masks" and "source".

    Images are opened when they are asked for; the answers of one prompt get the same object.
    """
    from datasets import Dataset

    @lru_cache(maxsize=256)
    def row(number: int) -> dict[str, Any]:
        prompt = prompts[number]
        return {
            "prompt": [{"role": "user", "content": prompt.problem}],
            "images": [prompt.open()],
            "truth": prompt.answer,
            "masks": list(prompt.masks),
            "source": prompt.source,
        }

    def rows(batch: Mapping[str, list[int]]) -> dict[str, list[Any]]:
        found = [row(number) for number in batch["number"]]
        return {key: [each[key] for each in found] for key in found[0]}

    return Dataset.from_dict({"number": list(range(len(prompts)))}).with_transform(rows)


def _arguments(recipe: ReinforcedRecipe, out: Path) -> Any:
    from trl import GRPOConfig

    at_once, passes = recipe.passes(processes().num_processes)
    arguments: Any = recipe.arguments(
        out,
        recipe,
        kind=GRPOConfig,
        max_steps=recipe.steps,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=passes,
        num_generations=recipe.answers,
        max_completion_length=recipe.max_new_tokens,
        temperature=recipe.temperature,
        beta=recipe.kl,
        reward_weights=[reward.weight for reward in recipe.rewards],
        bf16=recipe.autocast == "bfloat16",
        gradient_checkpointing=recipe.gradient_checkpointing,
        save_total_limit=2,
        ignore_data_skip=False,  # the prompts that were taken before are passed over
        **recipe.trl,
    )
    together = arguments.generation_batch_size // recipe.answers
    if together > recipe.prompts:  # TRL would make no step at all
        raise ValueError(
            f"prompts: {recipe.prompts} are fewer than the {together} for which answers are sampled together"
        )
    return arguments


@lru_cache(maxsize=1)
def trainer_class() -> Callable[..., Any]:
    """TRL's trainer with whole checkpoints and watches. A function, because TRL is an extra."""
    from trl import GRPOTrainer

    class ReinforcedTrainer(ResumableTrainer, GRPOTrainer):
        def __init__(self, recipe: ReinforcedRecipe, samtok: SAMTok, model: Any, **kwargs: Any) -> None:
            self._recipe, self._samtok, self._qwen = recipe, samtok, model
            super().__init__(model=model, **kwargs)

        def save_loadable(self, folder: Path) -> None:
            """Write a whole model; all processes call this."""
            if self._recipe.lora is None:
                self.save_whole(folder, self._samtok)
            else:
                save_merged(self, folder, lambda: _start_model(self._recipe)[0], self._samtok)

        def _get_train_sampler(self, dataset: Any = None) -> Any:
            """TRL's, with the order of the epoch that is resumed, which depends on those before."""
            sampler = super()._get_train_sampler(dataset)
            if self._resumed is not None:
                passes = len(sampler) // self.args.generation_batch_size  # of an epoch
                accumulated = self.args.gradient_accumulation_steps
                epochs, steps = divmod(step_of(Path(self._resumed)), math.ceil(passes / accumulated))
                for _ in range(epochs):
                    next(iter(sampler))  # draws an order
                # of several steps with the same answers, as many are left as without the stop
                self._step = steps * accumulated
            return sampler

        def _calculate_rewards(
            self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
        ) -> Tensor:
            """The rewards of all processes (answers, rewards), and the figures of this one's answers."""
            rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            tokenizer: PreTrainedTokenizerBase = self.processing_class.tokenizer
            answers = [text_of(ids, tokenizer) for ids in completion_ids_list]
            for name, value in figures(answers, [row["truth"] for row in inputs]).items():
                self._log_metric(name, value)
            if self._recipe.shuffled:
                rewards = shuffled(rewards, self.num_generations, (self._recipe.seed, self.state.global_step))
            return rewards

        def _tokenize_prompts(self, prompts: list[Any]) -> tuple[Any, Any, dict[str, Any]]:
            """Each group's prompt is prepared once, not once for each of its answers."""
            groups = Groups.of_messages(prompts)
            ids, images, fields = super()._tokenize_prompts([prompts[place] for place in groups.firsts])
            grids = np.asarray(fields["image_grid_thw"])
            patches = np.split(np.asarray(fields["pixel_values"]), grids.prod(-1).cumsum()[:-1])
            every = groups.of_rows
            repeated = {
                "pixel_values": np.concatenate([patches[group] for group in every]),
                "image_grid_thw": grids[every],
                "mm_token_type_ids": [fields["mm_token_type_ids"][group] for group in every],
            }
            return [ids[group] for group in every], [images[group] for group in every], repeated

        def _get_per_token_logps_and_entropies(
            self,
            model: Any,
            input_ids: Tensor,
            attention_mask: Tensor,
            logits_to_keep: int,
            batch_size: int | None = None,
            compute_entropy: bool = False,
            compute_aux_loss: bool = False,
            **inputs: Any,
        ) -> tuple[Tensor, Tensor | None, Tensor | None]:
            """TRL's, where each prompt stands once before its answers.

            Log-probabilities and, if asked for, entropies (answers, `logits_to_keep`); there is no third.
            """
            logps, entropies = [], []
            patches = [0, *inputs["image_grid_thw"].prod(-1).cumsum(0).tolist()]
            for start in range(0, count := len(input_ids), batch_size or count):
                end = min(start + (batch_size or count), count)
                packed = pack(
                    self._qwen, input_ids[start:end], attention_mask[start:end], logits_to_keep,
                    pixel_values=inputs["pixel_values"][patches[start] : patches[end]],
                    image_grid_thw=inputs["image_grid_thw"][start:end],
                    mm_token_type_ids=inputs["mm_token_type_ids"][start:end],
                )  # fmt: skip
                with self.accelerator.autocast():
                    outputs = model(**packed.inputs, fused_lm_head=True)
                logps.append(packed.unpacked(outputs.log_probs))
                if compute_entropy:
                    entropies.append(packed.unpacked(outputs.entropy))
            return torch.cat(logps), torch.cat(entropies) if compute_entropy else None, None

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """None: what the model is, its own card says."""

        def _send_telemetry(self) -> None:
            """None: a training tells nobody."""

    return ReinforcedTrainer


def shuffled(rewards: Tensor, group: int, seed: tuple[int, int]) -> Tensor:
    """Rewards (N, R), each row moved to another place of its group of neighbours; the seed decides."""
    groups = rewards.unflatten(0, (-1, group))  # (N / group, group, R)
    generator = torch.Generator().manual_seed(hash(seed) % 2**63)
    order = torch.rand(groups.shape[:2], generator=generator).argsort(1).to(rewards.device)
    return groups.gather(1, order[..., None].expand_as(groups)).flatten(0, 1)


class _LogAndWatch(Ending):
    """Writes every log entry as one JSON line, with the warnings of the figures that are watched."""

    def __init__(self, log: TrainingLog, watches: list[Watch]) -> None:
        super().__init__()
        self._log, self._watches = log, Watches(watches)
        self._stops = [str(watch) for watch in watches if watch.stop]

    def still_ends(self, counts: dict[str, Any]) -> str | None:
        """Not if the watch is changed or gone."""
        found = [name for name in counts.get("ended", ()) if name in self._stops]
        return f"ended by the watch {found[0]}" if found else None

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        warnings, stops = self._watches.look(state.global_step, logs)
        self._log.write({"step": state.global_step, **logs, **({"warnings": warnings} if warnings else {})})
        if stops:
            self.end(control, stops)
