"""What is timed: a pattern at a shape, with its tensors, its live pairs and the hardware's floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from patternc.analysis.edges import count
from patternc.analysis.intset import TooLarge
from patternc.analysis.semantics import layer_of, plainly_causal
from patternc.ir.instantiate import Instance
from patternc.lowering.devices import DEVICES
from patternc.runtime.bench.timing import Bursts, GpuClock, Timed, medians

if TYPE_CHECKING:
    from patternc.pattern import Pattern

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
DOCUMENTS = 8
"""Equal documents a sequence is packed of, where the pattern speaks of documents."""
FORWARD_PRODUCTS, BACKWARD_PRODUCTS = 2, 5
"""Matrix products over the live pairs that any exact algorithm needs."""
FORWARD_TENSORS, BACKWARD_TENSORS = 4, 8
"""Tensors of the shape of q that any algorithm reads or writes: q, k, v, o; those, dO and three gradients."""
ROWS_AT_ONCE = 2**27
"""Pairs looked at together where they are counted one by one."""
MAX_COUNTED = 2**18
"""Tokens up to which pairs are counted one by one, where they have no closed form."""


def gpu_name() -> str | None:
    """The GPU that torch sees, if any."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


@dataclass(frozen=True)
class Subject:
    """A pattern to time: what is called, what the analysis and the peers look at, and the text it came from."""

    pattern: Pattern
    instance: Instance
    text: str
    label: str


@dataclass(frozen=True)
class Shape:
    """One sequence of ``n`` tokens, as many key heads as query heads."""

    n: int
    heads: int
    head_dim: int
    dtype: str = "bfloat16"

    def __str__(self) -> str:
        return f"n = {self.n}, {self.heads} heads of {self.head_dim}, {self.dtype}"


@dataclass(frozen=True)
class Floor:
    """The least milliseconds that a device with these ceilings needs."""

    forward: float
    backward: float


def floor(pairs: int, shape: Shape, flops: float, bandwidth: float) -> Floor:
    """The larger of the live pairs' FLOPs and the tensors' bytes: forward, and backward by itself."""
    product = 2 * shape.head_dim * pairs / flops * 1e3
    tensor = shape.heads * shape.n * shape.head_dim * DTYPES[shape.dtype].itemsize / bandwidth * 1e3
    return Floor(
        max(FORWARD_PRODUCTS * product, FORWARD_TENSORS * tensor),
        max(BACKWARD_PRODUCTS * product, BACKWARD_TENSORS * tensor),
    )


def draw(shape: Shape, branches: int, device: str, seed: int = 0) -> list[torch.Tensor]:
    """Random q, k, v and, for several branches, gate logits."""
    dtype = DTYPES[shape.dtype]
    leaves = [_normal(shape, shape.head_dim, dtype, device, seed + i) for i in (2, 3, 4)]
    return leaves if branches == 1 else [*leaves, _normal(shape, branches, torch.float32, device, seed + 5)]


def _normal(shape: Shape, width: int, dtype: torch.dtype, device: str, seed: int) -> torch.Tensor:
    generator = torch.Generator(device).manual_seed(seed)
    size = (1, shape.heads, shape.n, width)
    return torch.randn(size, generator=generator, device=device, dtype=torch.float32).to(dtype)


def document_ends(n: int, device: str) -> torch.Tensor:
    """The `cu_seqlens` of `DOCUMENTS` documents, as equal as can be."""
    ends = [n * i // DOCUMENTS for i in range(DOCUMENTS + 1)]
    return torch.tensor(ends, dtype=torch.int32, device=device)


class Problem:
    """A subject at a shape, on a device, with random tensors (normal, of variance 1)."""

    def __init__(self, subject: Subject, shape: Shape, device: str, seed: int = 0) -> None:
        self.subject = subject
        self.shape = shape
        self.device = device
        self.module: ModuleType = subject.pattern.module(shape.heads)
        self.gated = subject.pattern.gated
        self.branches = subject.pattern.branches
        self.leaves = draw(shape, self.branches, device, seed)
        self.gradient = _normal(shape, shape.head_dim, DTYPES[shape.dtype], device, seed + 1)
        self.options: dict[str, Any] = {}
        if subject.pattern.needs_documents:
            self.options["cu_seqlens"] = document_ends(shape.n, device)

    @cached_property
    def documents(self) -> tuple[torch.Tensor, ...]:
        """Where each token's document starts and ends, for patterns that speak of documents."""
        if not self.options:
            return ()
        return self.module._documents(self.options["cu_seqlens"], self.shape.n, torch.device(self.device))

    def live(self, branch: int, head: int, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """The pairs of a branch, by the emitted file's one definition of them."""
        return self.module.live(branch, head, q, k, self.shape.n, *self.documents)

    def ours(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        """The pattern's own output, (B, H, N, D)."""
        return self.subject.pattern(q, k, v, gate, **self.options)

    def rows(self, positions: torch.Tensor) -> Callable[[int, int], torch.Tensor]:
        """For a branch and a head, the live pairs of the queries at ``positions`` with all keys."""
        keys = torch.arange(self.shape.n, device=self.device)[None, :]
        return lambda branch, head: self.live(branch, head, positions[:, None], keys)

    @cached_property
    def missing(self) -> torch.Tensor | None:
        """bool (heads, 1, branches): the branches that a head has not, where the heads' numbers differ."""
        counts = [self.module.branches_of(h) for h in range(self.shape.heads)]
        if all(count == self.branches for count in counts):
            return None
        return torch.tensor([[[b >= c for b in range(self.branches)]] for c in counts], device=self.device)

    @cached_property
    def causal(self) -> bool:
        """Whether the pattern plainly sees no future, so that dense causal attention is what it replaces."""
        return plainly_causal(layer_of(self.subject.instance, self.shape.heads).shape)

    @cached_property
    def pairs(self) -> int | None:
        """The live pairs of all heads and branches, exactly; None where that takes too long."""
        return live_pairs(self)

    @cached_property
    def floor(self) -> Floor | None:
        """What no kernel is faster than on this GPU; None on the CPU, or where pairs were not counted."""
        if self.device == "cpu" or self.pairs is None:
            return None
        return floor(self.pairs, self.shape, *ceilings(gpu_name() or "", self.shape.dtype))


def live_pairs(problem: Problem) -> int | None:
    """In closed form where there is one, else row by row on the device; None where there would be too many."""
    shape = problem.shape
    if not problem.options:  # the closed forms take the whole sequence to be one document
        layer = layer_of(problem.subject.instance, shape.heads)
        try:
            each = [sum(count(branch, shape.n) for branch in head) for head in layer.branch_shapes(shape.n)]
            order = layer.order if len(layer.order) > 1 else (0,) * shape.heads
            return sum(each[i] for i in order)
        except TooLarge:
            pass  # counted below
    return pairs_by_rows(problem) if shape.n <= MAX_COUNTED else None


def pairs_by_rows(problem: Problem) -> int:
    """The live pairs, looked at one by one, so many rows at a time."""
    shape = problem.shape
    heads = range(shape.heads) if problem.subject.pattern.depends_on_head else range(1)
    step = max(1, ROWS_AT_ONCE // shape.n)
    total = 0
    for first in range(0, shape.n, step):
        rows = problem.rows(torch.arange(first, min(first + step, shape.n), device=problem.device))
        total += sum(int(rows(branch, head).sum()) for head in heads for branch in range(problem.branches))
    return total * (shape.heads // len(heads))


@cache
def ceilings(name: str, dtype: str) -> tuple[float, float]:
    """FLOP/s and bytes/s of this GPU, as a large product and a large copy measure them: now, unless they are known."""
    for known in DEVICES.values():
        if known.name == name and known.source.startswith("measured") and dtype != "float32":
            return known.half, known.memory
    return _matrix_rate(DTYPES[dtype]), _copy_rate()


def _matrix_rate(dtype: torch.dtype, size: int = 8192) -> float:
    a, b = (torch.randn(size, size, device="cuda", dtype=dtype) for _ in range(2))
    return 2 * size**3 / _median_seconds(lambda: a @ b)


def _copy_rate(count: int = 2**30) -> float:
    a, b = (torch.empty(count, dtype=torch.uint8, device="cuda").fill_(i) for i in (1, 2))
    return 2 * count / _median_seconds(lambda: b.copy_(a))


def _median_seconds(call: Callable[[], Any]) -> float:
    median = medians(GpuClock(), {"": Timed(call, 1e-3, 2e-5)}, Bursts())[""]
    if isinstance(median, Exception):
        raise median
    return median / 1e3
