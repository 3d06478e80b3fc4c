"""The Python interface: patterns loaded from text, called like functions."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from patternc import driver
from patternc.ir.instantiate import Instance, InstantiationError, instantiate, stack_layers
from patternc.ir.program import Program
from patternc.source import Source

if TYPE_CHECKING:
    import os
    from types import ModuleType

    import torch

    from patternc.analysis.verdict import Verdict


class Pattern:
    """A pattern with numbers for its parameters: a function of q, k and v, with its mask and its proofs."""

    def __init__(self, instance: Instance, program: Program, source: Source) -> None:
        self._instance = instance
        self._program = program
        self._source = source
        self._by_head = instance.depends_on_head
        self._default_heads = instance.default_heads() if self._by_head else None
        self._modules: dict[int | None, ModuleType] = {}

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.values.items())
        return f"Pattern({self.name}{', ' if values else ''}{values})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_modules": {}}

    @property
    def name(self) -> str:
        """Its name in the file."""
        return self._instance.name

    @property
    def values(self) -> Mapping[str, int]:
        """The parameters' numbers."""
        return dict(self._instance.values)

    @property
    def branches(self) -> int:
        """How many softmaxes a gate fuses; 1 without a gate."""
        return self._instance.branches

    @property
    def gated(self) -> bool:
        """Whether a call needs `gate`."""
        return self._instance.gated

    @property
    def needs_documents(self) -> bool:
        """Whether a call needs `cu_seqlens`."""
        return self._instance.needs_documents

    @property
    def depends_on_head(self) -> bool:
        """Whether heads differ, or their number matters."""
        return self._by_head

    @property
    def heads(self) -> int | None:
        """The number of query heads that a `heads` block without `else` fixes."""
        return self._instance.fixed_heads

    def check_heads(self, heads: int) -> None:
        """Raises `ValueError` where the pattern does not take this number of query heads."""
        self._instance.heads(heads)

    def emit(self, heads: int | None = None) -> str:
        """The text of the emitted file, for ``heads`` query heads where the heads differ."""
        return driver.emit(self._instance, heads)

    def module(self, heads: int | None = None) -> ModuleType:
        """The emitted file, imported; ``heads`` matters where the heads differ."""
        key = heads if self._by_head else None
        if key not in self._modules:
            from patternc.runtime import loader

            # Both patterns whose heads are alike and calls that leave the number open stand under None.
            self._modules[key] = loader.load(self.name, self.emit(key or self._default_heads))
        return self._modules[key]

    def _module_for(self, q: Any) -> ModuleType:
        """The module that serves queries, if they are ones; what they lack is for its own check to say."""
        known = self._by_head and hasattr(q, "shape") and len(q.shape) == 4
        # An index, because torch.compile may hold sizes as symbols, and which module serves a call is no symbol.
        heads = operator.index(q.shape[1]) if known else None
        self._load(heads)
        return self._modules[heads]

    def _load(self, heads: int | None) -> None:
        try:
            self.module(heads)
        except InstantiationError as error:
            raise ValueError(f"q: {error}; got {heads} query heads") from error

    # What torch.compiler.assume_constant_result does, without importing torch: code that is being compiled runs this
    # once, and does not trace how files are loaded.
    _load._dynamo_marked_constant = True  # type: ignore[attr-defined]

    def __call__(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        gate: torch.Tensor | None = None,
        *,
        scale: float | None = None,
        cu_seqlens: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
        return_lse: bool = False,
        autotune: bool = False,
        **unsupported: Any,
    ) -> Any:
        """Attention under the pattern.

        ``q`` (B, H, Nq, D); ``k``, ``v`` (B, Hkv, Nk, D), H a multiple of Hkv; float32, bfloat16 or float16, any
        strides whose last one is 1, on a CUDA or ROCm device or the CPU.  Query row i sits at position i + Nk - Nq.
        ``gate``: logits (B, H, Nq, branches), for gated patterns.  ``scale`` of the scores: D**-0.5 unless given.
        ``cu_seqlens``: integers 0 ... Nk where packed documents begin and end, needed exactly where the pattern
        speaks of documents.  ``lengths`` (B,): how many tokens of each row are real (right padding).

        ``autotune``: the first call of a shape on a GPU tries tile sizes, for seconds to minutes, and keeps the fastest
        in the cache folder for later runs.

        Returns the output (B, H, Nq, D); with ``return_lse`` also the log-sum-exp, float32, natural logarithm,
        (B, H, Nq) or for gates (B, H, Nq, branches), differentiable.  A query without keys gets 0 and -inf.
        Raises `ValueError` or `TypeError` that names the argument, what was expected and what came.
        """
        for name, value in unsupported.items():
            if value is not None and value is not False and value != 0:
                raise TypeError(f"{name}: not supported, expected to be left out; got {value!r}")
        module = self._module_for(q)
        return module.attention(
            q, k, v, gate,
            scale=scale, cu_seqlens=cu_seqlens, lengths=lengths, return_lse=return_lse, autotune=autotune,
        )  # fmt: skip

    def reference(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        gate: torch.Tensor | None = None,
        *,
        scale: float | None = None,
        cu_seqlens: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
        return_lse: bool = False,
    ) -> Any:
        """The same by dense attention under the mask: differentiable, any dtype, memory n²."""
        module = self._module_for(q)
        return module.reference(
            q, k, v, gate, scale=scale, cu_seqlens=cu_seqlens, lengths=lengths, return_lse=return_lse
        )

    def mask(
        self,
        n: int,
        heads: int | None = None,
        *,
        nq: int | None = None,
        cu_seqlens: torch.Tensor | None = None,
        device: torch.device | str | None = None,
    ) -> torch.Tensor:
        """The dense truth: bool (branches, heads, nq, n); query row i sits at position i + n - nq."""
        if heads is None:
            heads = self._default_heads or 1
        return self.module(heads).mask(n, heads, nq=nq, cu_seqlens=cu_seqlens, device=device)

    def prove(self, claim: str) -> Verdict:
        """Proves or refutes a claim about this pattern, written as in a file: ``covers(32768, layers=24)``."""
        return driver.prove_claim(self._program, self._instance, claim)


def _instance(program: Program, pattern: str | None, values: Mapping[str, int]) -> Instance:
    return instantiate(driver.select_pattern(program, pattern), values)


def load(path: str | os.PathLike[str], /, pattern: str | None = None, **values: int) -> Pattern:
    """The pattern of a file; ``pattern`` picks one where there are several, other arguments set parameters.

    Raises `patternc.DiagnosticError` where the file has errors, `ValueError` where a value breaks a `require`.
    """
    source = driver.read_source(str(path))
    program = driver.load_program(source)
    return Pattern(_instance(program, pattern, values), program, source)


def loads(text: str, /, pattern: str | None = None, **values: int) -> Pattern:
    """The pattern of a text; as `load`."""
    source = Source("<string>", text)
    program = driver.load_program(source)
    return Pattern(_instance(program, pattern, values), program, source)


def load_stack(path: str | os.PathLike[str], name: str, /, **values: int) -> list[Pattern]:
    """The layers of a stack, in order; equal layers are one `Pattern`.  Raises as `load`, and for an unknown name."""
    source = driver.read_source(str(path))
    program = driver.load_program(source)
    stack = program.stack(name)
    if stack is None:
        names = ", ".join(s.name for s in program.stacks) or "none"
        raise ValueError(f"name: the file has no stack `{name}` (its stacks: {names})")
    known: list[Pattern] = []
    layers: list[Pattern] = []
    for instance in stack_layers(program, stack, values):
        same = next((p for p in known if p.name == instance.name and p.values == instance.values), None)
        if same is None:
            same = Pattern(instance, program, source)
            known.append(same)
        layers.append(same)
    return layers
