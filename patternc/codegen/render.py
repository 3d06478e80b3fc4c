"""Renders a kernel plan to the emitted file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from patternc import __version__, resources
from patternc.codegen.env import environment
from patternc.codegen.layout import tidy
from patternc.codegen.views import fewer_branches, member_views, part_views
from patternc.ir.plan import Plan
from patternc.lowering import hopper

_OPERATOR = "<operator>"
"""Stands for the name of the file's operators, which depends on the rest of its text."""


def render(plan: Plan, values: Mapping[str, int]) -> str:
    """The emitted file: kernels, autograd, functional call and module, on torch and triton alone."""
    parts, members = part_views(plan), member_views(plan)
    printed, gathers = repr(parts), any(p.gather for p in parts)
    divides = gathers or "floor_div(" in printed
    text = (
        environment()
        .get_template("module/file.py.j2")
        .render(
            name=plan.name,
            version=__version__,
            description=plan.description,
            parameters=", ".join(f"{name} = {value}" for name, value in values.items()),
            heads=plan.heads,
            by_head=plan.heads is not None,
            branches=len(plan.branches),
            gated=len(plan.branches) > 1,
            ragged=fewer_branches(plan),
            fused=any(p.fuses for p in parts),
            documents=plan.documents,
            covered=tuple(b.covered for b in plan.branches),
            parts=parts,
            members=members,
            layer=resources.classes("runtime/layer.py"),
            operator=_OPERATOR,
            any_gather=gathers,
            uneven=any(p.uneven for p in parts),
            sinks=any(p.sinks for p in parts),
            packs=any(p.packs for p in parts),
            hopper=any(p.hopper for p in parts),
            continues=any(p.hopper and not p.first for p in parts),
            hopper_triton=hopper.TRITON,
            hopper_head_dims=hopper.HEAD_DIMS,
            uses_floor_div=divides,
            uses_floor_mod=divides or "floor_mod(" in printed or any(p.period for p in parts),
            uses_minimum=any("_minimum(" in e or "_maximum(" in e for m in members for e in m.expressions)
            or any("_minimum(" in s.torch_mask or "_maximum(" in s.torch_mask for p in parts for s in p.segments),
        )
    )
    text = tidy(text)
    return text.replace(_OPERATOR, f"{plan.name[:64]}_{hashlib.sha256(text.encode()).hexdigest()[:12]}")
