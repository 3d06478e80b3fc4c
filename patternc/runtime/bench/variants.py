"""What is timed beside the pattern itself: FlexAttention, dense attention, and the permute trick.

The permute trick is what a periodic pattern gets from a library without one: each residue class is gathered into
contiguous memory, attended to densely or through a window, and scattered back.  A variant's factory may raise, and so
may its first call, where it compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, TypeAlias

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from patternc.ir.expr import Int
from patternc.ir.instantiate import Instance
from patternc.ir.relation import LagMod
from patternc.lowering.terms import Term, TooManyTermsError, number, terms
from patternc.runtime.bench.problem import BACKWARD_PRODUCTS, FORWARD_PRODUCTS, Problem

OURS = "patternc"
PEERS = ("flex", "flex-tuned", "sdpa", "permute")
BLOCK = 128
"""Queries and keys of a FlexAttention block."""
USUAL_RATE = 400e12
"""FLOP/s by which a call that would take too long is foreseen."""

Attend: TypeAlias = Callable[..., torch.Tensor]
"""Of q, k, v and, for gates, the logits."""


@dataclass(frozen=True)
class Variant:
    """One way to compute a pattern."""

    attend: Attend
    exact: bool = True
    """Whether it computes the pattern; else it is dense attention, timed for comparison."""
    differentiable: bool = True
    compiled: bool = False
    """Whether a call under other conditions (without gradients, say) compiles again."""
    held_bytes: int = 0
    """Memory held from call to call, beside the inputs."""
    lse: Callable[..., torch.Tensor] | None = None


class NotTriedError(RuntimeError):
    """A variant that is left out, and why."""


Factories: TypeAlias = dict[str, Callable[[], Variant]]


def factories(problem: Problem, peers: tuple[str, ...], limit: float) -> Factories:
    """Ours, and the peers that there are for this problem; ``limit``: seconds that a peer's call may take."""

    def lse(*leaves: torch.Tensor) -> torch.Tensor:
        return problem.subject.pattern(*leaves, **problem.options, return_lse=True)[1]

    found: Factories = {OURS: lambda: Variant(problem.ours, lse=lse)}
    if "flex" in peers:
        found["flex"] = partial(_flex, problem, limit, None)
    if "flex-tuned" in peers:
        found["flex-tuned"] = partial(_flex, problem, limit, "max-autotune-no-cudagraphs")
    classes = residue_classes(problem.subject.instance, problem.shape.heads, problem.shape.n)
    if "permute" in peers and classes not in (None, [(1, None)]):
        found |= _permuted(problem, classes)
    exact = classes == [(1, None)] or _full(problem.subject.instance, problem.shape.heads)
    if "sdpa" in peers:
        for name, backend in (("flash", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
            found[f"sdpa-{name}{'' if exact else ' (dense)'}"] = partial(_dense, problem, backend, exact, limit)
    return found


def compiled(problem: Problem, attend: Attend, mode: str | None = None) -> Attend:
    """``attend`` through torch.compile; on the CPU, where only the benchmark itself is tried, as it is."""
    if problem.device == "cpu":
        return attend
    import torch._functorch.config as functorch

    # A backward pass that is timed runs more than once over the same saved tensors.
    functorch.donated_buffer = False  # pyright: ignore[reportAttributeAccessIssue]
    return torch.compile(attend, fullgraph=True, dynamic=False, mode=mode)


def fused(gate: torch.Tensor, missing: torch.Tensor | None, *outs: torch.Tensor) -> torch.Tensor:
    """A gate's branches by their weights; those that a head is ``missing`` take none."""
    logits = gate.float() if missing is None else gate.float().masked_fill(missing, float("-inf"))
    weight = torch.softmax(logits, -1)
    total = weight[..., 0, None] * outs[0].float()
    for b, out in enumerate(outs[1:], 1):
        total = total + weight[..., b, None] * out.float()
    return total.to(outs[0].dtype)


# FlexAttention


def mask_mod(problem: Problem, branch: int) -> Callable[..., torch.Tensor]:
    """A branch as FlexAttention asks for it: a function of batch, head, query and key, all tensors."""
    live, n, documents, heads = problem.module.live, problem.shape.n, problem.documents, problem.shape.heads
    if not problem.subject.pattern.depends_on_head:
        return lambda b, h, q, k: live(branch, 0, q, k, n, *documents)

    def by_head(b: Any, h: Any, q: Any, k: Any) -> torch.Tensor:
        found = (h == 0) & live(branch, 0, q, k, n, *documents)
        for head in range(1, heads):
            found = found | ((h == head) & live(branch, head, q, k, n, *documents))
        return found

    return by_head


def block_mask(problem: Problem, branch: int) -> BlockMask:
    """The block lists of a branch, block row by block row, so that memory never grows with n² pairs."""
    n, device = problem.shape.n, problem.device
    heads = problem.shape.heads if problem.subject.pattern.depends_on_head else 1
    blocks = -(-n // BLOCK)
    held = torch.empty(1, heads, blocks, blocks, dtype=torch.int32, device=device)
    keys = torch.arange(n, dtype=torch.int32, device=device)[None, :]
    for head in range(heads):
        for row in range(blocks):
            rows = torch.arange(row * BLOCK, min((row + 1) * BLOCK, n), dtype=torch.int32, device=device)[:, None]
            by_key = problem.live(branch, head, rows, keys).sum(0)
            held[0, head, row] = torch.nn.functional.pad(by_key, (0, blocks * BLOCK - n)).view(blocks, BLOCK).sum(1)
    whole = held == BLOCK * BLOCK
    partial_count, partial_list = _listed((held > 0) & ~whole)
    full_count, full_list = _listed(whole)
    return BlockMask.from_kv_blocks(
        partial_count, partial_list, full_count, full_list, BLOCK, mask_mod(problem, branch), seq_lengths=(n, n)
    )


def _listed(blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each row how many blocks it has, and which, those first."""
    return blocks.sum(-1, dtype=torch.int32), blocks.int().argsort(dim=-1, descending=True, stable=True).int()


def _flex(problem: Problem, limit: float, mode: str | None) -> Variant:
    masks = [block_mask(problem, branch) for branch in range(problem.branches)]
    pairs = BLOCK**2 * sum(_blocks(mask) for mask in masks)
    pairs *= 1 if problem.subject.pattern.depends_on_head else problem.shape.heads
    _refuse_slow(problem, pairs, limit)

    missing = problem.missing

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        outs = [flex_attention(q, k, v, block_mask=mask) for mask in masks]
        return outs[0] if gate is None else fused(gate, missing, *outs)  # type: ignore[arg-type, return-value]

    tensors = [x for mask in masks for x in mask.as_tuple() if isinstance(x, torch.Tensor)]
    return Variant(
        compiled(problem, attend, mode),
        differentiable=problem.device != "cpu",  # FlexAttention has no backward pass there
        compiled=True,
        held_bytes=sum(x.numel() * x.element_size() for x in tensors),
    )


def _blocks(mask: BlockMask) -> int:
    full = mask.full_kv_num_blocks
    return int(mask.kv_num_blocks.sum()) + (0 if full is None else int(full.sum()))


def _refuse_slow(problem: Problem, pairs: int, limit: float) -> None:
    flops = 2 * problem.shape.head_dim * pairs * (FORWARD_PRODUCTS + BACKWARD_PRODUCTS)
    if problem.device != "cpu" and flops / USUAL_RATE > limit:
        raise NotTriedError(f"it would compute {pairs:.2g} pairs, some {flops / USUAL_RATE:.0f} s a pass")


# Dense attention


def sdpa(backend: SDPBackend, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool = True) -> torch.Tensor:
    """Torch's dense attention by one backend."""
    with sdpa_kernel(backend):
        return scaled_dot_product_attention(q, k, v, is_causal=causal)


def _dense(problem: Problem, backend: SDPBackend, exact: bool, limit: float) -> Variant:
    causal = problem.causal
    pairs = problem.shape.heads * problem.shape.n**2 // (2 if causal else 1)
    _refuse_slow(problem, pairs, limit)

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        return sdpa(backend, q, k, v, causal)

    return Variant(attend, exact=exact)


def _full(instance: Instance, heads: int) -> bool:
    """Whether the pattern holds every pair."""
    branches = instance.heads(heads)[0].branches
    return not instance.depends_on_head and len(branches) == 1 and terms(branches[0]) == (Term(),)


# The permute trick

Class: TypeAlias = tuple[int, int | None]
"""A period, and how many members of the query's class it sees before itself; None is all."""


def residue_classes(instance: Instance, heads: int, n: int) -> list[Class] | None:
    """For each branch how the permute trick computes it exactly, or None where it does not."""
    if instance.depends_on_head or instance.needs_documents:
        return None
    found: list[Class] = []
    for relation in instance.heads(heads)[0].branches:
        try:
            parts = terms(relation)
        except TooManyTermsError:
            return None
        if len(parts) != 1 or number(parts[0].lag.lo) != 0:
            return None
        period = 1
        match parts[0].atoms:
            case ():
                pass
            case (LagMod(False, Int(p), Int(phase), Int(1)),) if phase % p == 0:
                period = p
            case _:
                return None
        if n % period:
            return None
        last = number(parts[0].lag.hi)
        hops = None if last is None or last // period >= n // period - 1 else last // period
        found.append((period, hops))
    return found


def gather(x: torch.Tensor, period: int) -> torch.Tensor:
    """(B, H, N, D) as (B * period, N / period, H, D): one residue class a row."""
    batch, heads, n, width = x.shape
    split = x.view(batch, heads, n // period, period, width)
    return split.permute(0, 3, 2, 1, 4).reshape(-1, n // period, heads, width)


def scatter(x: torch.Tensor, period: int) -> torch.Tensor:
    """`gather` undone."""
    rows, length, heads, width = x.shape
    split = x.view(rows // period, period, length, heads, width)
    return split.permute(0, 3, 2, 1, 4).reshape(rows // period, heads, length * period, width)


def _permuted(problem: Problem, classes: list[Class]) -> Factories:
    """The trick over the flash kernels and, where no branch has a window, over cuDNN's."""
    name, windowed = _flash(problem.device)
    prefix = "permute+" if any(period > 1 for period, _ in classes) else ""
    found: Factories = {f"{prefix}{name}": lambda: _trick(problem, classes, windowed)}
    if all(hops is None for _, hops in classes):

        def cudnn(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, hops: int | None) -> torch.Tensor:
            return causal(SDPBackend.CUDNN_ATTENTION, q, k, v)

        found[f"{prefix}cudnn"] = lambda: _trick(problem, classes, cudnn)
    return found


def causal(backend: SDPBackend, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Dense causal attention of (rows, N, H, D) tensors."""
    return sdpa(backend, q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)


Windowed: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int | None], torch.Tensor]
"""Causal attention of (rows, N, H, D) tensors, through a window of so many tokens back where there is one."""


def _trick(problem: Problem, classes: list[Class], windowed: Windowed) -> Variant:
    fuse = compiled(problem, fused) if problem.gated else fused

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        outs = [scatter(windowed(gather(q, p), gather(k, p), gather(v, p), hops), p) for p, hops in classes]
        return outs[0] if gate is None else fuse(gate, None, *outs)

    return Variant(attend, compiled=problem.gated)


def _flash(device: str) -> tuple[str, Windowed]:
    """The newest FlashAttention that is installed, else torch's own; on the CPU masked attention in its place."""
    if device == "cpu":
        return "flash", masked_window
    for name, module in (("FA4", "flash_attn.cute"), ("FA3", "flash_attn_interface"), ("FA2", "flash_attn")):
        if _installed(module):
            return name, partial(_flash_package, module)
    return "flash", _torch_flash


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it
        return False


def _flash_package(module: str, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, hops: int | None) -> torch.Tensor:
    from importlib import import_module

    window = {} if hops is None else {"window_size": (hops, 0)}
    result = import_module(module).flash_attn_func(q, k, v, causal=True, **window)
    return result[0] if isinstance(result, tuple) else result


def _torch_flash(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, hops: int | None) -> torch.Tensor:
    if hops is None:
        return causal(SDPBackend.FLASH_ATTENTION, q, k, v)
    from torch.nn.attention.varlen import varlen_attn

    rows, length = q.shape[:2]
    ends = _ends(rows, length, q.device)
    packed_q, packed_k, packed_v = (x.flatten(0, 1) for x in (q, k, v))
    out = varlen_attn(packed_q, packed_k, packed_v, ends, ends, length, length, window_size=(hops, 0))
    assert isinstance(out, torch.Tensor)
    return out.view(q.shape)


@cache
def _ends(rows: int, length: int, device: torch.device) -> torch.Tensor:
    """Where so many sequences of one length begin and end, packed."""
    return torch.arange(0, (rows + 1) * length, length, dtype=torch.int32, device=device)


def masked_window(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, hops: int | None) -> torch.Tensor:
    """The same by a dense mask."""
    at = torch.arange(q.shape[1], device=q.device)
    lag = at[:, None] - at[None, :]
    mask = (lag >= 0) & (lag <= (q.shape[1] if hops is None else hops))
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)
