"""`causal` and `nonempty` with open parameters, from the form of the relation."""

from __future__ import annotations

from patternc.analysis import verdict
from patternc.analysis.question import Question
from patternc.analysis.symbolic.knowledge import Knowledge
from patternc.analysis.verdict import Verdict
from patternc.ir.expr import TRUE, ZERO, Arith, Expr, ExprError, Int, Sym, compare, disjunction, rebuild, substitute
from patternc.ir.program import Causal, HeadRange, NonEmpty, Pattern
from patternc.ir.relation import Intersection, Lag, N, Q, Relation, Union, member, union

_ITSELF = {".k": Q, ".kd": Sym(".qd"), ".same_document": TRUE}
_POSITIONS = (".n", ".q", ".nd", ".qd", ".same_document")


def decide(question: Question) -> Verdict | None:
    """`proved`, where it is plain to see; None where it is not, which says nothing."""
    pattern = question.owner
    if not isinstance(pattern, Pattern):
        return None
    try:
        match question.item.claim:
            case Causal() if all(_causal(b) for part in pattern.ranges for b in part.branches):
                return verdict.proved("every branch is restricted to lags that are not negative")
            case NonEmpty() if all(_sees_something(question, part) for part in pattern.ranges):
                return verdict.proved("every query sees itself, or the first token, whatever the parameters are")
            case _:
                return None
    except ExprError:
        return None


def _causal(relation: Relation) -> bool:
    match relation:
        case Intersection(parts):
            return any(_causal(p) for p in parts)
        case Union(parts):
            return all(_causal(p) for p in parts)
        case Lag(_, Int(low), _):
            return low >= 0
        case _:
            return False


def _sees_something(question: Question, part: HeadRange) -> bool:
    """Whether a query of these heads sees itself or token 0, whatever it is."""
    given = question.given
    held = substitute(member(union(*part.branches)), given)
    choices = [substitute(held, _ITSELF)]
    if ".same_document" not in held.symbols:
        choices.append(substitute(held, {".k": ZERO}))
    goal = _folded(disjunction(choices))
    heads = Sym("heads") if question.item.heads is None else question.item.heads
    h = Sym("h")
    known = [
        *(substitute(c, given) for c in question.conditions),
        *(substitute(r.condition, given) for r in part.domains),
        *(compare("<", position, length) for position, length in ((Q, N), (Sym(".qd"), Sym(".nd")))),
        *(compare(">=", position, ZERO) for position in (Q, Sym(".qd"))),
        compare("==", Sym("heads"), heads),
        *(compare(">=", h, substitute(low, given)) for low in (ZERO, part.lo) if low is not None),
        *(compare("<", h, substitute(high, given)) for high in (Sym("heads"), part.hi) if high is not None),
    ]
    used = goal.symbols.union(*(c.symbols for c in known))
    order = [name for name in (*_POSITIONS, "heads", "h", *question.free) if name in used]
    return Knowledge(known, order).proves(goal)


def _folded(expr: Expr) -> Expr:
    """With ``0 % x`` folded: the lag of a token to itself, modulo n."""
    children = tuple(_folded(c) for c in expr.children())
    if isinstance(expr, Arith) and expr.op == "%" and children[0] == ZERO:
        return ZERO
    return rebuild(expr, children) if children else expr
