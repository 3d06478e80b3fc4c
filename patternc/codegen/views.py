"""What the templates see: the plan's expressions as text, nothing to decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from patternc.codegen.printer import Printer, by_head
from patternc.ir.expr import TRUE, Expr, Int
from patternc.ir.plan import Gather, HeadGroup, Part, PerHead, Plan, Segment
from patternc.lowering.heads import heads_text
from patternc.lowering.hopper import Refusals, refusals
from patternc.lowering.packing import shares_tiles
from patternc.lowering.schedules import BY_KIND, launch_order

SCALARS = {f".{end}_{side}": f"{end}_{side}" for end in ("first", "last") for side in ("q", "k")}
DOCUMENT_SCALARS = {f"{s}_{edge}": f"{n}_{edge}" for s, n in SCALARS.items() for edge in ("start", "end")}
COMMON = {".n": "n", ".shift": "shift", **SCALARS, **DOCUMENT_SCALARS}


@dataclass(frozen=True)
class Line:
    """A name and what it is set to."""

    name: str
    load: str


@dataclass(frozen=True)
class Constant:
    """A per-head constant, in Triton and in Python."""

    name: str
    triton: str
    python: str


@dataclass(frozen=True)
class GatherView:
    """Gathered columns as text: arguments of kernels, and expressions of columns and positions."""

    arguments: str
    column_at: str
    first_at: str
    last_at: str
    python_arguments: str


@dataclass(frozen=True)
class SegmentView:
    """A segment as text: its comment, the bounds of its tiles, its masks."""

    text: str
    key_lo: str
    key_hi: str
    query_lo: str
    query_hi: str
    queries_live: str | None
    keys_live: str | None
    phase: str | None
    mask_forward: str
    mask_backward: str
    python_key_lo: str
    python_key_hi: str
    python_queries_live: str | None
    python_phase: str | None
    torch_mask: str


@dataclass(frozen=True)
class PartView:
    """A part as text: everything that the templates say of one set of kernels."""

    name: str
    title: str
    kind: str
    branch: int
    first: bool
    leaves_delta: bool
    ends: bool
    """Whether it is the last of its branch."""
    fuses: bool
    """Whether it runs last, for every head, and so adds up the branches of the gate."""
    others: tuple[int, ...]
    """The other branches."""
    below_zero: bool
    guarded: bool
    not_hopper: Refusals
    """Why there are no kernels for Hopper, too."""
    packs: bool
    """Whether a tile can hold several residue classes: queries and keys of the same rows, a mask that asks for lags."""
    uneven: bool
    """Whether a few keys are seen by far more queries than others, as sinks beside a window are."""
    sinks: int
    """How many first keys are seen from any distance: their gradients are summed in slices of the queries."""
    by_head: bool
    """Whether its tiles differ from head to head."""
    tiling_by_head: bool
    per_head_loop: bool
    """Whether the heads that share keys visit different tiles."""
    heads: str | None
    head_of_program: str
    head_test: str | None
    period: str | None
    period_times: str
    times_period: str
    python_period: str | None
    span: int | None
    periods: str | None
    gather: GatherView | None
    gathers: str | None
    constants: tuple[Constant, ...]
    segments: tuple[SegmentView, ...]
    full_texts: tuple[str, ...]
    mask_forward_texts: tuple[str, ...]
    mask_backward_texts: tuple[str, ...]
    uses_lag: bool
    documents: bool
    document_ends: bool
    query_scalars: tuple[Line, ...]
    key_scalars: tuple[Line, ...]
    tile_key_scalars: tuple[Line, ...]
    tile_query_scalars: tuple[Line, ...]
    python_query_scalars: tuple[Line, ...]

    @property
    def hopper(self) -> bool:
        """Whether there is a kernel for Hopper, too."""
        return self.not_hopper["hopper"] is None

    @property
    def three_groups(self) -> bool:
        """Whether three groups of warps compute its output for heads of 64, which is faster over all keys."""
        return self.hopper and self.period is None and self.span is None and len(self.segments) == 1

    @property
    def taken(self) -> tuple[str, ...]:
        """What the kernel for Hopper adds to: the output of the parts before it, those of the other branches."""
        return (*(() if self.first else ("out",)), *(f"out_{b}" for b in self.others if self.fuses))


@dataclass(frozen=True)
class MemberView:
    """For the heads of ``test``: the membership of each branch, and how many of them take weight."""

    test: str | None
    expressions: tuple[str, ...]
    branches: int


class _Constants:
    """Names for the per-head constants of one part."""

    def __init__(self) -> None:
        self.names: dict[PerHead, str] = {}

    def __call__(self, expr: PerHead) -> str:
        return self.names.setdefault(expr, f"by_head_{len(self.names)}")

    def listed(self) -> tuple[Constant, ...]:
        return tuple(
            Constant(name, by_head(e.values, "triton"), by_head(e.values, "python")) for e, name in self.names.items()
        )


def part_views(plan: Plan) -> tuple[PartView, ...]:
    """One view a part, with names that are unique in the file."""
    not_hopper = refusals(plan)
    parts = [(b, p, not_hopper[b][i]) for b, branch in enumerate(plan.branches) for i, p in enumerate(branch.parts)]
    parts.sort(key=lambda part: launch_order(part[1].kind))
    kinds = [p.kind for _, p, _ in parts]
    counts: dict[str, int] = {}
    views: list[PartView] = []
    for b, part, why in parts:
        index = counts.get(part.kind, 0)
        counts[part.kind] = index + 1
        name = part.kind if kinds.count(part.kind) == 1 else f"{part.kind}_{index}"
        views.append(_part(plan, b, part, name, why, last=len(views) == len(parts) - 1))
    return tuple(views)


def _part(plan: Plan, branch: int, part: Part, name: str, not_hopper: Refusals, *, last: bool) -> PartView:
    constants = _Constants()
    used: set[str] = set()

    def printer(style: str, names: dict[str, str], text: Callable[[PerHead], str] = constants) -> Callable[[Expr], str]:
        inner = Printer(style, names, text)

        def show(expr: Expr) -> str:
            result = inner(expr)
            used.update(inner.used)
            return result

        return show

    scalar, python = printer("triton", COMMON), printer("python", COMMON)
    segments = tuple(_segment(s, printer, scalar, python) for s in part.segments)
    full = tuple(_parenthesised(scalar(s.full)) for s in part.segments)
    wrapped = [(_parenthesised(s.mask_forward), _parenthesised(s.mask_backward)) for s in segments]
    period = None if part.period is None else scalar(part.period)
    gather = None if part.gather is None else _gather(part.gather, scalar, python)
    documents = any(s.startswith((".same_document", ".qd", ".kd", ".nd")) or s in DOCUMENT_SCALARS for s in used)
    tiling = [part.period, *((part.gather.period, part.gather.phase, part.gather.width) if part.gather else ())]
    return PartView(
        name=name,
        title=_title(part, branch, len(plan.branches)),
        kind=part.kind,
        branch=branch,
        first=part.first,
        leaves_delta=part.leaves_delta,
        ends=part is plan.branches[branch].parts[-1],
        fuses=last and len(plan.branches) > 1 and _runs_always(part),
        others=tuple(b for b in range(len(plan.branches)) if b != branch),
        below_zero=part.below_zero,
        guarded=part.guarded,
        not_hopper=not_hopper,
        packs=shares_tiles(part),
        uneven=part.uneven or part.sinks > 0,
        sinks=part.sinks,
        by_head=bool(constants.names),
        tiling_by_head=any(isinstance(e, PerHead) for e in tiling),
        per_head_loop=bool(constants.names) or part.heads is not None,
        heads=None if part.heads is None else repr(part.heads),
        head_of_program="tl.program_id(1)" if part.heads is None else by_head(part.heads, "triton", "tl.program_id(1)"),
        head_test=None if part.heads is None else _head_test(part.heads),
        period=period,
        period_times="" if period is None else f"{period} * ",
        times_period="" if period is None else f" * {period}",
        python_period=None if part.period is None else python(part.period),
        span=part.span,
        periods=None if part.period is None else _values(part.period),
        gather=gather,
        gathers=None if part.gather is None else _gather_values(part.gather),
        constants=constants.listed(),
        segments=segments,
        full_texts=full,
        mask_forward_texts=tuple(w[0] for w in wrapped),
        mask_backward_texts=tuple(w[1] for w in wrapped),
        uses_lag="lag" in used,
        documents=documents,
        document_ends=".nd" in used,
        query_scalars=_document_lines(part, "q", _bound_symbols(part, "query"), "triton"),
        key_scalars=_document_lines(part, "k", _bound_symbols(part, "key"), "triton"),
        tile_key_scalars=_document_lines(part, "k", _full_symbols(part), "triton"),
        tile_query_scalars=_document_lines(part, "q", _full_symbols(part), "triton"),
        python_query_scalars=_document_lines(part, "q", _bound_symbols(part, "query"), "python"),
    )


def _segment(
    segment: Segment,
    printer: Callable[[str, dict[str, str]], Callable[[Expr], str]],
    scalar: Callable[[Expr], str],
    python: Callable[[Expr], str],
) -> SegmentView:
    queries_live, keys_live = segment.queries_live, segment.keys_live
    return SegmentView(
        text=segment.text,
        key_lo=scalar(segment.key_lo),
        key_hi=scalar(segment.key_hi),
        query_lo=scalar(segment.query_lo),
        query_hi=scalar(segment.query_hi),
        queries_live=None if queries_live == TRUE else scalar(queries_live),
        keys_live=None if keys_live == TRUE else scalar(keys_live),
        phase=None if segment.phase is None else scalar(segment.phase),
        mask_forward=printer("triton", pair_names("[:, None]", "[None, :]", wide=segment.wide))(segment.mask),
        mask_backward=printer("triton", pair_names("[None, :]", "[:, None]", wide=segment.wide))(segment.mask),
        python_key_lo=python(segment.key_lo),
        python_key_hi=python(segment.key_hi),
        python_queries_live=None if queries_live == TRUE else python(queries_live),
        python_phase=None if segment.phase is None else python(segment.phase),
        torch_mask=printer("torch", TORCH_PAIR)(segment.mask),
    )


TORCH_PAIR = {
    ".q": "q",
    ".k": "k",
    "lag": "lag",
    ".n": "n",
    ".same_document": "(q_start == k_start)",
    ".qd": "(q - q_start)",
    ".kd": "(k - k_start)",
    ".nd": "(k_end - k_start).long()",
}
"""Names in torch, where `q` is a column and `k` a row of positions."""


def pair_names(q: str, k: str, *, wide: bool) -> dict[str, str]:
    """Names of a pair's positions in a kernel, with the axes that queries and keys have there."""
    cast = ".to(tl.int64)" if wide else ""
    return {
        ".q": f"q_at{cast}{q}",
        ".k": f"k_at{cast}{k}",
        "lag": f"lag{cast}",
        ".n": f"n{cast}",
        ".same_document": f"(q_start{q} == k_start{k})",
        ".qd": f"(q_at - q_start){cast}{q}",
        ".kd": f"(k_at - k_start){cast}{k}",
        ".nd": f"(k_end - k_start){cast}{k}",
    }


def _parenthesised(text: str) -> str:
    return text if text in ("True", "False") else f"({text})"


def _gather(gather: Gather, scalar: Callable[[Expr], str], python: Callable[[Expr], str]) -> GatherView:
    period, phase, width = (scalar(e) for e in (gather.period, gather.phase, gather.width))

    def at(column: str) -> str:
        if gather.width == Int(1):
            return f"{column} * {period} + {phase}"
        return f"{column} // {width} * {period} + {column} % {width} + {phase}"

    return GatherView(
        arguments=f"{period}, {phase}, {width}",
        column_at=at("column"),
        first_at=at("first_column"),
        last_at=at("(first_column + BLOCK_K - 1)"),
        python_arguments=", ".join(python(e) for e in (gather.period, gather.phase, gather.width)),
    )


def _values(expr: Expr) -> str:
    """The distinct values of a constant."""
    found = sorted(set(expr.values)) if isinstance(expr, PerHead) else [expr.value]  # type: ignore[attr-defined]
    return repr(tuple(found))


def _gather_values(gather: Gather) -> str:
    triple = (gather.period, gather.phase, gather.width)
    count = max(len(e.values) if isinstance(e, PerHead) else 1 for e in triple)
    table = [e.values if isinstance(e, PerHead) else (e.value,) * count for e in triple]  # type: ignore[attr-defined]
    return repr(tuple(sorted(set(zip(*table, strict=True)))))


def _symbols(exprs: list[Expr]) -> frozenset[str]:
    return frozenset().union(*(e.symbols for e in exprs))


def _bound_symbols(part: Part, side: str) -> frozenset[str]:
    """The symbols that a program needs of its own tile."""
    exprs: list[Expr] = []
    for s in part.segments:
        own = (s.key_lo, s.key_hi, s.queries_live) if side == "query" else (s.query_lo, s.query_hi, s.keys_live)
        exprs += [*own, s.full]
    return _symbols(exprs)


def _full_symbols(part: Part) -> frozenset[str]:
    return _symbols([s.full for s in part.segments])


def _document_lines(part: Part, side: str, symbols: frozenset[str], style: str) -> tuple[Line, ...]:
    lines: list[Line] = []
    for symbol, name in DOCUMENT_SCALARS.items():
        if symbol not in symbols or f"_{side}_" not in name:
            continue
        position, edge = name.rsplit("_", 1)
        if style == "triton":
            at = f"tl.minimum(tl.maximum({position}, 0), n_k - 1)"
            lines.append(Line(name, f"tl.load({edge}_ptr + {at})"))
        else:
            lines.append(Line(name, f"int({edge}[max({position}, 0)])"))
    return tuple(lines)


def _runs(heads: tuple[int, ...]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for h in heads:
        if runs and runs[-1][1] == h:
            runs[-1] = (runs[-1][0], h + 1)
        else:
            runs.append((h, h + 1))
    return runs


def _head_test(heads: tuple[int, ...]) -> str:
    return " | ".join(f"((h >= {lo}) & (h < {hi}))" for lo, hi in _runs(heads))


def _runs_always(part: Part) -> bool:
    return part.heads is None and not part.below_zero


def _title(part: Part, branch: int, branches: int) -> str:
    words = BY_KIND[part.kind].title
    where = f"branch {branch}, " if branches > 1 else ""
    who = "" if part.heads is None else f" (heads {heads_text(part.heads)})"
    return (where + words.lower() if where else words) + who


def member_views(plan: Plan) -> tuple[MemberView, ...]:
    """The membership of every branch, for each group of heads, as torch expressions."""
    return tuple(MemberView(_group_test(g), _expressions(g), g.branches) for g in plan.groups)


def fewer_branches(plan: Plan) -> str | None:
    """The heads that have fewer branches than the pattern: (first head, end, how many); None where all have as many."""
    few = [g for g in plan.groups if g.branches < len(plan.branches)]
    # One group for all heads names none of them; heads that differ in their branches are emitted for a head count.
    everyone = tuple(range(plan.heads or 0))
    return repr(tuple((lo, hi, g.branches) for g in few for lo, hi in _runs(g.heads or everyone))) if few else None


def _expressions(group: HeadGroup) -> tuple[str, ...]:
    printer = Printer("torch", TORCH_PAIR, lambda e: f"({by_head(e.values, 'python')})")
    return tuple(printer(m) for m in group.members)


def _group_test(group: HeadGroup) -> str | None:
    if group.heads is None:
        return None
    return " or ".join(f"{lo} <= h < {hi}" for lo, hi in _runs(group.heads))
