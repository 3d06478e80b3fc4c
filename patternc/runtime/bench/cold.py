"""The time to the first result from empty caches, and what another length costs: measured in a process of its own.

    python -m patternc.runtime.bench.cold < request.json > answer.json

Python, torch and the device are started before the clock.  Then ours goes from the pattern's text to an output;
FlexAttention from its mask function, through a BlockMask built by its own compiled builder, to an output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import patternc
from patternc.runtime.bench.engine import Options, blank
from patternc.runtime.bench.problem import Problem, Shape, Subject, document_ends, draw
from patternc.runtime.bench.report import Line
from patternc.runtime.bench.timing import clock_for
from patternc.runtime.bench.variants import OURS, fused, mask_mod

if TYPE_CHECKING:
    from patternc.pattern import Pattern

SECONDS = 300
"""After which a variant's process is ended; what it found until then stays."""
CACHES = ("TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "PATTERNC_CACHE_DIR")
COLD = " (cold start)"


def measure_cold(
    subject: Subject, shape: Shape, row: str, device: str = "cuda", options: Options | None = None
) -> list[Line]:
    """One line for ours and, where it is among the peers, one for FlexAttention."""
    options = options or Options()
    lines: list[Line] = []
    for variant in (OURS, "flex") if "flex" in options.peers else (OURS,):
        request = {
            "text": subject.text,
            "pattern": subject.pattern.name,
            "values": dict(subject.pattern.values),
            "branches": subject.pattern.branches,
            "documents": subject.pattern.needs_documents,
            "shape": asdict(shape),
            "device": device,
            "variant": variant,
            "backward": options.backward,
        }
        lines.append(replace(blank(subject, shape, row, device, options.command), variant=variant + COLD))
        for name, value in _ask(request).items():
            setattr(lines[-1], name, value)
    return lines


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    """The fields of a `Line` that a process with empty caches finds, its status among them."""
    root = str(Path(patternc.__file__).parents[1])
    with tempfile.TemporaryDirectory(prefix="patternc-cold-") as folder:
        environment = {**os.environ, **{name: str(Path(folder, name)) for name in CACHES}}
        environment["PYTHONPATH"] = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        command = [sys.executable, "-m", "patternc.runtime.bench.cold"]
        asked = json.dumps(request).encode()
        try:
            ended = subprocess.run(
                command, input=asked, capture_output=True, env=environment, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as late:
            return {**_last(late.stdout), "status": f"failed: not done after {SECONDS} s"}
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {ended.returncode}"]
        return {**_last(ended.stdout), "status": f"failed: {said[-1]}"[:200]}
    return _last(ended.stdout)


def _last(said: bytes | None) -> dict[str, Any]:
    """What a process had found when it said the last of its lines."""
    lines = (said or b"").decode(errors="replace").splitlines(keepends=True)
    whole = [line for line in lines if line.startswith("{") and line.endswith("\n")]
    return json.loads(whole[-1]) if whole else {}


def kernels() -> int:
    """How many kernels lie compiled in this process's caches."""
    return sum(1 for name in CACHES[:2] if name in os.environ for _ in Path(os.environ[name]).rglob("*.cubin"))


Prepared: TypeAlias = tuple[list[torch.Tensor], Callable[[], torch.Tensor]]
"""Inputs, and the call that makes a result of them."""


def first_results(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a `Line` says of a cold start: all that is known, each time that it grows."""
    device, shape = request["device"], Shape(**request["shape"])
    clock = clock_for(device)
    lengths = [shape.n, shape.n // 2, shape.n // 2 + 1]
    prepare = _ours(request) if request["variant"] == OURS else _flex(request)
    prepared = [prepare(replace(shape, n=n)) for n in lengths]
    backward = request["backward"] and (request["variant"] == OURS or device != "cpu")
    known = 0
    found: dict[str, Any] = {}
    for name, n, (leaves, call) in zip(("first", "other_n", "odd_n"), lengths, prepared, strict=True):
        for x in leaves:
            x.requires_grad_(backward)
        outputs: list[torch.Tensor] = []
        seconds = clock.seconds(lambda call=call, outputs=outputs: outputs.append(call()))
        if name == "first":
            found["first_result_s"] = seconds
            yield found
            if backward:
                out = outputs[0]
                gradients = clock.seconds(lambda out=out, x=leaves: torch.autograd.grad(out, x, torch.ones_like(out)))
                found["first_gradient_s"] = gradients
        else:
            found |= {f"{name}_s": seconds, f"{name}_kernels": kernels() - known}
            if name == "other_n":
                found["other_n"] = n
        known = kernels()
        yield found


def _ours(request: dict[str, Any]) -> Callable[[Shape], Prepared]:
    """Ours, from the text: the pattern is read in the first call."""
    found: list[Pattern] = []

    def prepare(shape: Shape) -> Prepared:
        leaves = draw(shape, request["branches"], request["device"])
        options = {"cu_seqlens": document_ends(shape.n, request["device"])} if request["documents"] else {}

        def call() -> torch.Tensor:
            if not found:
                found.append(_pattern(request))
            return found[0](*leaves, **options)

        return leaves, call

    return prepare


def _flex(request: dict[str, Any]) -> Callable[[Shape], Prepared]:
    """FlexAttention; a BlockMask belongs to a length and is built in its call."""
    on_cpu = request["device"] == "cpu"
    attend = flex_attention if on_cpu else torch.compile(flex_attention)
    build = create_block_mask if on_cpu else torch.compile(create_block_mask)
    pattern = _pattern(request)
    subject = Subject(pattern, pattern._instance, request["text"], pattern.name)  # pyright: ignore[reportPrivateUsage]

    def prepare(shape: Shape) -> Prepared:
        problem = Problem(subject, shape, request["device"])
        q, k, v, *gate = problem.leaves
        heads = shape.heads if pattern.depends_on_head else None
        rules = [mask_mod(problem, branch) for branch in range(problem.branches)]

        def call() -> torch.Tensor:
            masks = [build(rule, None, heads, shape.n, shape.n, request["device"]) for rule in rules]
            outs = [attend(q, k, v, block_mask=mask) for mask in masks]
            return fused(gate[0], problem.missing, *outs) if gate else outs[0]

        return problem.leaves, call

    return prepare


def _pattern(request: dict[str, Any]) -> Pattern:
    return patternc.loads(request["text"], pattern=request["pattern"], **request["values"])


if __name__ == "__main__":
    for answer in first_results(json.load(sys.stdin)):
        print(json.dumps(answer), flush=True)
