// Relations: the compiled membership, and terms with numbers, from which pictures and receptive fields are drawn.
//
// Conditions of the key alone, or of the query alone, become sets of positions.
//
// A relation is {t: "or" | "and", p: [...]}, {t: "not", p: relation} or an atom, whose `m` is its membership.

const MAX_TERMS = 64;

const PLACES = {
  ".q": "q",
  ".k": "k",
  ".same_document": "(start[q] === start[k])",
  ".qd": "(q - start[q])",
  ".kd": "(k - start[k])",
  ".nd": "(end[k] - start[k])",
};

/** Where the documents of a sequence start and end, by token. */
class Documents {
  constructor(n, lengths) {
    this.start = new Int32Array(n);
    this.end = new Int32Array(n).fill(n);
    let at = 0;
    for (const length of [...lengths, n]) {
      const stop = Math.min(at + length, n);
      this.start.fill(at, at, n);
      this.end.fill(stop, at, stop);
      at = stop;
    }
  }
}

function condition(relation) {
  switch (relation.t) {
    case "or":
    case "and":
      return relation.p.length ? [relation.t, ...relation.p.map(condition)] : relation.t === "and";
    case "not":
      return ["not", condition(relation.p)];
    default:
      return relation.m;
  }
}

/** A function (q, k) of the condition, computed with numbers below 2^53. */
function compiled(expr, env, n, documents) {
  if (magnitude(expr, env, n) > SAFE) exact(Infinity);
  const body = compile(expr, { ...env, ".n": n }, PLACES);
  const make = new Function("floorMod", "floorDiv", "start", "end", `"use strict"; return (q, k) => ${body};`);
  return make(floorMod, floorDiv, documents.start, documents.end);
}

/** A conjunction with numbers: bounds of lag, key and query, residues, chunk distances, and conditions of the rest. */
class Term {
  constructor(from) {
    this.lo = from ? from.lo : -Infinity;
    this.hi = from ? from.hi : Infinity;
    this.keyLo = from ? from.keyLo : 0;
    this.keyHi = from ? from.keyHi : Infinity;
    this.queryLo = from ? from.queryLo : 0;
    this.queryHi = from ? from.queryHi : Infinity;
    this.mods = from ? [...from.mods] : [];
    this.chunks = from ? [...from.chunks] : [];
    this.sets = from ? [...from.sets] : [];
    this.rest = from ? [...from.rest] : [];
  }

  get empty() {
    return this.lo > this.hi || this.keyLo > this.keyHi || this.queryLo > this.queryHi;
  }

  of(axis) {
    return this.mods.filter((m) => m.axis === axis);
  }

  setsOf(axis) {
    return this.sets.filter((s) => s.axis === axis);
  }

  /** This term and one more atom; null where that is empty for certain. */
  with(atom) {
    const result = new Term(this);
    switch (atom.t) {
      case "lag":
        result.lo = Math.max(this.lo, atom.lo ?? -Infinity);
        result.hi = Math.min(this.hi, atom.hi ?? Infinity);
        break;
      case "key":
        result.keyLo = Math.max(this.keyLo, atom.lo ?? -Infinity);
        result.keyHi = Math.min(this.keyHi, atom.hi ?? Infinity);
        break;
      case "query":
        result.queryLo = Math.max(this.queryLo, atom.lo ?? -Infinity);
        result.queryHi = Math.min(this.queryHi, atom.hi ?? Infinity);
        break;
      case "mod":
        if (atom.width <= 0) return null;
        if (atom.width >= atom.period) return this;
        if (!this.mods.some((m) => same(m, atom))) result.mods.push(atom);
        break;
      case "chunk":
        if (!this.chunks.some((c) => same(c, atom))) result.chunks.push(atom);
        break;
      case "set":
        if (!this.sets.includes(atom)) result.sets.push(atom);
        break;
      default:
        if (!this.rest.includes(atom)) result.rest.push(atom);
    }
    return result.empty ? null : result;
  }

  meet(other) {
    let result = new Term(this);
    result.lo = Math.max(this.lo, other.lo);
    result.hi = Math.min(this.hi, other.hi);
    result.keyLo = Math.max(this.keyLo, other.keyLo);
    result.keyHi = Math.min(this.keyHi, other.keyHi);
    result.queryLo = Math.max(this.queryLo, other.queryLo);
    result.queryHi = Math.min(this.queryHi, other.queryHi);
    if (result.empty) return null;
    for (const atom of [...other.mods, ...other.chunks, ...other.sets, ...other.rest]) {
      result = result.with(atom);
      if (result === null) return null;
    }
    return result;
  }

  /** Whether (q, k) is a pair of it, from its numbers. */
  holds(q, k) {
    const lag = q - k;
    if (lag < this.lo || lag > this.hi || k < this.keyLo || k > this.keyHi) return false;
    if (q < this.queryLo || q > this.queryHi) return false;
    for (const m of this.mods) {
      const x = m.axis === "lag" ? lag : m.axis === "key" ? k : q;
      if (floorMod(x - m.phase, m.period) >= m.width) return false;
    }
    for (const c of this.chunks) {
      const distance = floorDiv(q, c.size) - floorDiv(k, c.size);
      if (distance < c.lo || distance > c.hi) return false;
    }
    for (const s of this.sets) if (!s.member[s.axis === "key" ? k : q]) return false;
    return this.rest.every((r) => r.test(q, k));
  }

  /** The keys that queries u ... v can see, lag residues and columns left aside. */
  keys(u, v) {
    let first = Math.max(this.keyLo, u - this.hi);
    let last = Math.min(this.keyHi, v - this.lo);
    for (const c of this.chunks) {
      first = Math.max(first, (floorDiv(u, c.size) - c.hi) * c.size);
      last = Math.min(last, (floorDiv(v, c.size) - c.lo + 1) * c.size - 1);
    }
    return [first, last];
  }
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

const AXIS = { lagmod: "lag", keymod: "key", querymod: "query" };

function symbols(expr) {
  if (typeof expr === "string") return [expr];
  return Array.isArray(expr) && expr[0] !== "big" ? expr.slice(1).flatMap(symbols) : [];
}

/** The positions that satisfy a condition, with how many of them lie before each position. */
function positionSet(axis, n, test, text) {
  const member = new Uint8Array(n);
  const before = new Int32Array(n + 1);
  for (let x = 0; x < n; x++) {
    member[x] = test(x) ? 1 : 0;
    before[x + 1] = before[x] + member[x];
  }
  return { t: "set", axis, member, before, words: text };
}

/** An atom with numbers; those that no closed form serves become tests. */
function numbered(atom, world) {
  if (atom.f || atom.t === "cond" || atom.t === "doc") {
    const test = compiled(atom.m, world.env, world.n, world.documents);
    const text = words(atom.m, world.env) + (atom.f ? " (within the document)" : "");
    const positions = new Set(symbols(atom.m).filter((s) => s in PLACES));
    const only = (...names) => [...positions].every((p) => names.includes(p));
    if (only(".k", ".kd")) return positionSet("key", world.n, (k) => test(k, k), text);
    if (only(".q", ".qd")) return positionSet("query", world.n, (q) => test(q, q), text);
    return { t: "rest", test, words: text };
  }
  const env = { ...world.env, ".n": world.n };
  switch (atom.t) {
    case "lag":
    case "key":
    case "query":
      return { t: atom.t, lo: bound(atom.lo, env), hi: bound(atom.hi, env) };
    case "chunk":
      return { t: "chunk", size: evaluate(atom.size, env), lo: bound(atom.lo, env) ?? -Infinity, hi: bound(atom.hi, env) ?? Infinity };
    default: {
      const period = evaluate(atom.period, env);
      const width = evaluate(atom.width, env);
      return { t: "mod", axis: AXIS[atom.t], period, phase: floorMod(evaluate(atom.phase, env), period), width };
    }
  }
}

/** Atoms whose union is everything that an atom does not hold. */
function complement(atom) {
  const outside = (make) => [
    ...(atom.lo !== null && atom.lo > -Infinity ? [make(null, atom.lo - 1)] : []),
    ...(atom.hi !== null && atom.hi < Infinity ? [make(atom.hi + 1, null)] : []),
  ];
  switch (atom.t) {
    case "mod": {
      const width = Math.min(Math.max(atom.width, 0), atom.period);
      return [{ ...atom, phase: floorMod(atom.phase + width, atom.period), width: atom.period - width }];
    }
    case "chunk":
      return outside((lo, hi) => ({ ...atom, lo: lo ?? -Infinity, hi: hi ?? Infinity }));
    case "set":
      return [positionSet(atom.axis, atom.member.length, (x) => !atom.member[x], `not ${atom.words}`)];
    case "rest": {
      const test = atom.test;
      return [{ ...atom, test: (q, k) => !test(q, k), words: `not ${atom.words}` }];
    }
    default:
      return outside((lo, hi) => ({ ...atom, lo, hi }));
  }
}

/** The relation as a union of terms; one term with its whole condition where there would be too many. */
function termsOf(relation, world) {
  const known = new Map();
  const number = (atom) => {
    if (!known.has(atom)) known.set(atom, numbered(atom, world));
    return known.get(atom);
  };
  const expand = (node, inverted) => {
    if (node.t === "not") return expand(node.p, !inverted);
    if (node.t === "or" || node.t === "and") {
      if ((node.t === "or") !== inverted) return limited(node.p.flatMap((p) => expand(p, inverted)));
      let result = [new Term()];
      for (const part of node.p) {
        const right = expand(part, inverted);
        result = limited(result.flatMap((a) => right.map((b) => a.meet(b)).filter((t) => t !== null)));
      }
      return result;
    }
    const atoms = inverted ? complement(number(node)) : [number(node)];
    return atoms.map((a) => new Term().with(a)).filter((t) => t !== null);
  };
  const limited = (list) => {
    if (list.length > MAX_TERMS) throw new TooManyTerms();
    return list;
  };
  try {
    return expand(relation, false);
  } catch (problem) {
    if (!(problem instanceof TooManyTerms)) throw problem;
    const test = compiled(condition(relation), world.env, world.n, world.documents);
    return [new Term().with({ t: "rest", test, words: "a union of many terms" })];
  }
}

class TooManyTerms extends Error {}
