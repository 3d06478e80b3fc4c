"""The lags that layers cross as sets of linear integer arithmetic, computed by isl.

Two cases are linear: numbers for the periods, the number of layers open (the transitive closure of "one layer more",
taken only where isl vouches that it is exact); and a number of layers, with few hops and open periods (unrolled).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from patternc.analysis.symbolic.presburger import NonLinearError, affine, formula
from patternc.ir.expr import (
    TRUE,
    ZERO,
    Expr,
    Int,
    Sym,
    add,
    arith,
    compare,
    conjunction,
    disjunction,
    mul,
    neg,
)

MAX_OPERATIONS = 2_000_000
"""isl gives up after so many steps."""
MAX_LAYERS = 12
MAX_HOPS = 24
MAX_PIECES = 24


@dataclass(frozen=True)
class Run:
    """``{start + m*period + [0, width] : 0 <= m <= hops}``, of negated lags where ``down``; ``hops`` None is no end."""

    start: Expr
    width: Expr
    period: Expr
    hops: Expr | None
    down: bool = False


Pieces = list[tuple[Expr, Expr | None]]
"""Conditions, each with the value that a measure has under it; None is no end."""


@lru_cache(maxsize=64)
def prefix(runs: tuple[Run, ...], layers: Expr, assumptions: tuple[Expr, ...], order: tuple[str, ...]) -> Pieces | None:
    """The largest lag up to which none is missing after ``layers`` layers (at least 1).

    None where the lags are not linear, or isl gives up.
    """
    import islpy

    try:
        names = {name: f"x{i}" for i, name in enumerate(order)}
        field = _Field(names, assumptions)
        crossed = field.unrolled(runs, layers.value) if isinstance(layers, Int) else field.closed(runs, layers)
        missing = field.set("d >= 0").subtract(crossed)
        return field.pieces(missing)
    except (NonLinearError, islpy.Error):
        return None


class _Field:
    """Sets of lags d over parameters, under the linear ones among the assumptions."""

    def __init__(self, names: dict[str, str], assumptions: Sequence[Expr]):
        import islpy

        self.names = names
        self.order = list(names)
        self.context = islpy.Context()
        self.context.set_max_operations(MAX_OPERATIONS)
        self.parameters = f"[{', '.join(names.values())}] -> "
        self.known: Any = self.set("d = d")
        for assumption in assumptions:
            try:
                self.known = self.known.intersect(self.set(formula(assumption, names)))
            except NonLinearError:
                continue

    def set(self, condition: str) -> Any:
        import islpy

        return islpy.Set(f"{self.parameters}{{ [d] : {condition} }}", self.context)

    def step(self, runs: Sequence[Run], lag: str) -> list[str]:
        """The conditions whose union says that ``lag`` is one of the runs'."""
        conditions = [f"{lag} = 0"]
        for run in runs:
            start, width = affine(run.start, self.names), affine(run.width, self.names)
            along = f"-{lag}" if run.down else lag
            if isinstance(run.period, Int):
                bound = "" if run.hops is None else f" and m <= {affine(run.hops, self.names)}"
                at = f"{along} - {start} - {run.period.value} * m"
                conditions.append(f"exists m : 0 <= m{bound} and 0 <= {at} and {at} <= {width}")
                continue
            if not isinstance(run.hops, Int) or run.hops.value > MAX_HOPS:
                raise NonLinearError("a period and hops that are both open")
            for m in range(run.hops.value + 1):
                at = f"{along} - {start} - {m} * {affine(run.period, self.names)}"
                conditions.append(f"0 <= {at} and {at} <= {width}")
        return conditions

    def unrolled(self, runs: Sequence[Run], layers: int) -> Any:
        import islpy

        if layers > MAX_LAYERS:
            raise NonLinearError("too many layers")
        parts = "; ".join(f"[x] -> [y] : {condition}" for condition in self.step(runs, "(y - x)"))
        layer = islpy.Map(f"{self.parameters}{{ {parts} }}", self.context)
        crossed = self.set("d = 0").intersect(self.known)
        for _ in range(layers):
            crossed = crossed.apply(layer).coalesce()
        return crossed

    def closed(self, runs: Sequence[Run], layers: Expr) -> Any:
        import islpy

        parts = "; ".join(f"[l, x] -> [l + 1, y] : {condition}" for condition in self.step(runs, "(y - x)"))
        relation, exact = islpy.Map(f"{self.parameters}{{ {parts} }}", self.context).transitive_closure()
        if not exact:
            raise NonLinearError("isl does not vouch for the closure")
        reached = islpy.Set(f"{self.parameters}{{ [0, 0] }}", self.context).apply(relation)
        count = affine(layers, self.names)
        here = islpy.Set(f"{self.parameters}{{ [l, x] : l = {count} }}", self.context)
        return reached.intersect(here).project_out(islpy.dim_type.set, 0, 1)

    def pieces(self, missing: Any) -> Pieces:
        """One less than the least element, piece by piece; no end where there is none."""
        parameters = self.known.params()
        missing = missing.intersect_params(parameters).coalesce()
        result: Pieces = []
        first = missing.lexmin_pw_multi_aff().get_pw_aff(0)
        if first.n_piece() > MAX_PIECES:
            raise NonLinearError("too many cases")
        for domain, value in first.get_pieces():
            least = self.expression(value)
            result.append((self.condition(domain.gist_params(parameters)), add(least, Int(-1))))
        endless = parameters.subtract(missing.params())
        if not endless.is_empty():
            result.append((self.condition(endless.gist_params(parameters)), None))
        return result

    def condition(self, domain: Any) -> Expr:
        """A set of parameters as a condition."""
        parts: list[Expr] = []
        for basic in domain.compute_divs().get_basic_sets():
            comparisons: list[Expr] = []
            for constraint in basic.get_constraints():
                op = "==" if constraint.is_equality() else ">="
                comparisons.append(compare(op, self.expression(constraint.get_aff()), ZERO))
            parts.append(conjunction(comparisons) if comparisons else TRUE)
        return disjunction(parts)

    def expression(self, aff: Any) -> Expr:
        """An affine function of the parameters, with rounding, as an expression."""
        import islpy

        scale = int(aff.get_denominator_val().to_python())
        aff = aff.scale_val(islpy.Val.int_from_si(aff.get_ctx(), scale))
        total: Expr = Int(int(aff.get_constant_val().to_python()))
        terms: list[tuple[int, Expr]] = []
        for i, name in enumerate(self.order):
            terms.append((int(aff.get_coefficient_val(islpy.dim_type.param, i).to_python()), Sym(name)))
        for i in range(aff.dim(islpy.dim_type.div)):
            coefficient = int(aff.get_coefficient_val(islpy.dim_type.div, i).to_python())
            if coefficient:
                terms.append((coefficient, self.expression(aff.get_div(i))))
        for coefficient, term in terms:
            if coefficient:
                part = mul(Int(abs(coefficient)), term)
                total = add(total, part if coefficient > 0 else neg(part))
        return total if scale == 1 else arith("//", total, Int(scale))
