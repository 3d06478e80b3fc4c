"""A character-level language model on Python's own sources and documentation: dense, ring-local and pi-Attention.

    python examples/char_lm.py --preset toy --out build/char_lm      # minutes on a CPU
    python examples/char_lm.py --preset real --out build/char_lm     # a GPU: context 8192, 38 million parameters

The three models differ in the pattern of their attention alone: the same parameters at the start (pi-Attention has a
gate besides), the same batches in the same order, the same steps.  The text is the standard library of the Python that
runs this, its reference documentation (pydoc_data) among it; every twentieth file is held out for validation.  Each
option of a preset can be set by itself.  OUT.csv holds the losses, OUT.png their plot, OUT.md the result.
"""

from __future__ import annotations

import argparse
import csv
import math
import shlex
import sys
import sysconfig
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

import patternc
from patternc.nn import PatternAttention, Rotary

PRESETS: dict[str, dict[str, float]] = {
    "toy": {
        "context": 256, "dim": 64, "layers": 3, "heads": 4, "window": 8, "period": 16, "hops": 15,
        "batch": 8, "steps": 300, "rate": 3e-3, "evaluations": 6, "validation": 16, "characters": 4_000_000,
    },
    "real": {
        "context": 8192, "dim": 512, "layers": 12, "heads": 8, "window": 128, "period": 256, "hops": 31,
        "batch": 8, "steps": 4000, "rate": 1e-3, "evaluations": 40, "validation": 64, "characters": 100_000_000,
    },
}  # fmt: skip
ALPHABET = 128
"""The characters that are told apart: the most frequent ones, and one that stands for all others."""
HELD_OUT = 20

DENSE = "causal pattern dense { attend full }"
RING_LOCAL = "causal pattern ring_local(k) { attend ring(k) }"
PI = "causal pattern pi_attention(k, p, hops) { require p > k  attend gate(window(k), stride(p, hops)) }"


@dataclass(frozen=True)
class Text:
    """Characters as numbers below ``alphabet``: to train on, and held out."""

    training: torch.Tensor
    validation: torch.Tensor
    alphabet: int


def read_text(characters: int) -> Text:
    """The standard library's sources, by name, up to so many characters."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    kinds: tuple[list[str], list[str]] = ([], [])
    read = 0
    for i, path in enumerate(sorted(folder.rglob("*.py"))):
        if {"site-packages", "dist-packages", "__pycache__"} & set(path.parts) or read >= characters:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a few of Python's own tests are not UTF-8 on purpose
        kinds[i % HELD_OUT == 0].append(text)
        read += len(text)
    training, validation = ("\n".join(texts) for texts in kinds)
    known = [c for c, _ in Counter(training).most_common(ALPHABET - 1)]
    numbers = {c: i for i, c in enumerate(known)}

    def encoded(text: str) -> torch.Tensor:
        return torch.tensor([numbers.get(c, len(known)) for c in text], dtype=torch.uint8)

    return Text(encoded(training), encoded(validation), len(known) + 1)


class Block(nn.Module):
    """One layer: attention under a pattern and a feed-forward part, each after a norm and beside a residual."""

    def __init__(self, dim: int, heads: int, pattern: patternc.pattern.Pattern) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.RMSNorm(dim), nn.RMSNorm(dim)])
        self.attention = PatternAttention(dim, heads, pattern=pattern, qk_norm=nn.RMSNorm, rotary=Rotary())
        self.feed_forward = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norms[0](x))
        return x + self.feed_forward(self.norms[1](x))


class Model(nn.Module):
    """Characters (B, N) to logits (B, N, alphabet) of the characters after them."""

    def __init__(self, alphabet: int, dim: int, heads: int, layers: int, pattern: patternc.pattern.Pattern) -> None:
        super().__init__()
        self.embedding = nn.Embedding(alphabet, dim)
        self.blocks = nn.Sequential(*(Block(dim, heads, pattern) for _ in range(layers)))
        self.norm, self.head = nn.RMSNorm(dim), nn.Linear(dim, alphabet, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.blocks(self.embedding(x))))


def seeded(model: Model, seed: int) -> Model:
    """Draws each parameter from its name, so that models share what they share, whatever else they have."""
    for name, parameter in model.named_parameters():
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
        if parameter.dim() == 2:
            with torch.no_grad():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def batches(text: torch.Tensor, context: int, batch: int, count: int, seed: int) -> Iterator[torch.Tensor]:
    """Random stretches (batch, context + 1), the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        starts = torch.randint(0, text.numel() - context - 1, (batch,), generator=generator)
        yield torch.stack([text[i : i + context + 1] for i in starts.tolist()]).long()


def bits(model: nn.Module, stretches: torch.Tensor, device: str) -> torch.Tensor:
    """Cross-entropy of the characters to come, in bits a character."""
    stretches = stretches.to(device)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device != "cpu"):
        logits = model(stretches[:, :-1])
    return F.cross_entropy(logits.float().flatten(0, 1), stretches[:, 1:].flatten()) / math.log(2)


@dataclass(frozen=True)
class Point:
    """Where a model stands: bits a character in the batches since the last point, and on the held-out text."""

    model: str
    step: int
    training: float
    validation: float
    seconds: float


def train(
    name: str, model: nn.Module, text: Text, options: argparse.Namespace, progress: Progress, task: int
) -> list[Point]:
    """Trains a model; the seconds are those of training alone."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.95), weight_decay=0.1)
    warm = max(1, options.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / warm) * (0.55 + 0.45 * math.cos(math.pi * step / options.steps)),
    )
    held_out = list(batches(text.validation, options.context, 4, max(1, options.validation // 4), options.seed + 1))
    every = max(1, options.steps // options.evaluations)
    points: list[Point] = []
    recent: list[torch.Tensor] = []
    seconds, began = 0.0, time.perf_counter()
    training = batches(text.training, options.context, options.batch, options.steps, options.seed)
    for step, batch in enumerate(training, start=1):
        loss = bits(model, batch, options.device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent.append(loss.detach())
        progress.advance(task)
        if step % every == 0 or step == options.steps:
            mean = float(torch.stack(recent).mean())  # waits for the device, so the clock is read after it
            seconds += time.perf_counter() - began
            with torch.no_grad():
                seen = float(torch.stack([bits(model, x, options.device) for x in held_out]).mean())
            points.append(Point(name, step, mean, seen, seconds))
            progress.update(task, description=f"{name}: {seen:.3f} bits")
            recent.clear()
            began = time.perf_counter()
    return points


def plot(points: list[Point], path: Path) -> None:
    """The loss on the held-out text, and fainter that of the training batches."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for color, name in enumerate(dict.fromkeys(p.model for p in points)):
        own = [p for p in points if p.model == name]
        axes.plot([p.step for p in own], [p.validation for p in own], f"C{color}o-", label=name)
        axes.plot([p.step for p in own], [p.training for p in own], f"C{color}--", alpha=0.4)
    axes.set(xlabel="steps", ylabel="bits per character", title="Held-out text (dashed: training batches)")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def report(points: list[Point], sizes: dict[str, int], text: Text, options: argparse.Namespace) -> str:
    """The result as Markdown: how to repeat it, and the bits per character of each model at the end."""
    device = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    shown = ("context", "dim", "layers", "heads", "window", "period", "hops", "batch", "steps", "rate", "seed")
    lines = [
        "# Character-level language model",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        f"{device}, torch {torch.__version__}, Python {sys.version.split()[0]} whose standard library is the text: "
        f"{text.training.numel():,} characters to train on, {text.validation.numel():,} held out. "
        + ", ".join(f"{name} {getattr(options, name)}" for name in shown)
        + ".",
        "",
        "| attention | parameters | validation bits per character | training | seconds |",
        "|---|---|---|---|---|",
    ]
    last = {p.model: p for p in points}
    lines += [
        f"| {p.model} | {sizes[p.model]:,} | {p.validation:.3f} | {p.training:.3f} | {p.seconds:.0f} |"
        for p in sorted(last.values(), key=lambda p: p.validation)
    ]
    return "\n".join(lines) + "\n"


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--preset", choices=PRESETS, default="toy")
    for name, value in PRESETS["toy"].items():
        own = " / ".join(f"{PRESETS[p][name]:g}" for p in PRESETS)
        parser.add_argument(f"--{name}", type=type(value), help=f"{' / '.join(PRESETS)}: {own}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cuda or cpu")
    parser.add_argument("--threads", type=int, help="CPU threads of torch, where it should not choose")
    parser.add_argument("--compile", action="store_true", help="torch.compile the models")
    parser.add_argument("--out", type=Path, default=Path("build/char_lm"), help="where to write, without an ending")
    options = parser.parse_args(arguments)
    for name, value in PRESETS[options.preset].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
        if getattr(options, name) <= 0:
            parser.error(f"--{name}: expected a number above 0, got {getattr(options, name)}")
    if options.dim % (2 * options.heads):
        parser.error(f"--dim: expected a multiple of twice the {options.heads} heads, got {options.dim}")
    if options.period <= options.window:
        parser.error(f"--period: expected more than the window of {options.window}, got {options.period}")
    return options


def main(arguments: list[str] | None = None) -> None:
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    console = Console(stderr=True)
    text = read_text(options.characters)
    if min(text.training.numel(), text.validation.numel()) <= options.context + 1:
        sys.exit(f"--characters: too few for stretches of {options.context}, got {options.characters}")
    patterns = {
        "dense": patternc.loads(DENSE),
        "ring-local": patternc.loads(RING_LOCAL.replace("(k)", f"(k = {options.window})", 1)),
        "pi-Attention": patternc.loads(
            PI.replace("(k, p, hops)", f"(k = {options.window}, p = {options.period}, hops = {options.hops})", 1)
        ),
    }
    points: list[Point] = []
    sizes: dict[str, int] = {}
    columns = (TextColumn("{task.description:28}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress:
        tasks = {name: progress.add_task(name, total=options.steps) for name in patterns}
        for name, pattern in patterns.items():
            model = seeded(Model(text.alphabet, options.dim, options.heads, options.layers, pattern), options.seed)
            model = model.to(options.device)
            sizes[name] = sum(p.numel() for p in model.parameters())
            run = torch.compile(model, dynamic=False) if options.compile else model
            points += train(name, run, text, options, progress, tasks[name])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["model", "step", "training_bits", "validation_bits", "seconds"])
        table.writerows(
            [p.model, p.step, f"{p.training:.4f}", f"{p.validation:.4f}", f"{p.seconds:.1f}"] for p in points
        )
    plot(points, options.out.with_suffix(".png"))
    result = report(points, sizes, text, options)
    options.out.with_suffix(".md").write_text(result, encoding="utf-8")
    print(result, end="")


if __name__ == "__main__":
    main()
