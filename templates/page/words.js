// Terms in words.

const SPELLING = { ".q": "query", ".k": "key", ".d": "lag", ".n": "n", ".qd": "query", ".kd": "key", ".nd": "length" };
const LEVEL = { or: 1, and: 2, not: 3, "+": 5, "-": 5, "*": 6, "//": 6, "%": 6, neg: 7, "**": 8 };

function count(value) {
  return value.toLocaleString("en-US");
}

/** An expression as the language writes it, parameters as numbers. */
function words(expr, env) {
  return spelled(expr, env)[0];
}

function spelled(expr, env) {
  if (typeof expr === "string") {
    if (expr === ".same_document") return ["one document", 9];
    return [SPELLING[expr] ?? String(env[expr] ?? expr), 9];
  }
  if (!Array.isArray(expr)) return [String(expr), 9];
  const [op, ...args] = expr;
  if (op === "big") return [args[0], 9];
  const within = (arg, level) => {
    const [text, own] = spelled(arg, env);
    return own >= level ? text : `(${text})`;
  };
  if (op === "and" || op === "or") return [args.map((a) => within(a, LEVEL[op] + 1)).join(` ${op} `), LEVEL[op]];
  if (op === "not") return [`not ${within(args[0], 4)}`, 3];
  if (op === "neg") return [`-${within(args[0], 7)}`, 7];
  if (op === "-" && args[0] === ".q" && args[1] === ".k") return ["lag", 9];
  if (op in COMPARE) return [`${within(args[0], 5)} ${op} ${within(args[1], 5)}`, 4];
  if (op in LEVEL) return [`${within(args[0], LEVEL[op])} ${op} ${within(args[1], LEVEL[op] + 1)}`, LEVEL[op]];
  return [`${op}(${args.map((a) => words(a, env)).join(", ")})`, 9];
}

function range(name, lo, hi) {
  if (lo === hi) return [`${name} = ${count(lo)}`];
  if (lo > -Infinity && hi < Infinity) return [`${count(lo)} ≤ ${name} ≤ ${count(hi)}`];
  if (lo > -Infinity) return [`${name} ≥ ${count(lo)}`];
  return hi < Infinity ? [`${name} ≤ ${count(hi)}`] : [];
}

function residue(mod) {
  if (mod.width === 1) return `${mod.axis} ≡ ${count(mod.phase)} mod ${count(mod.period)}`;
  const first = mod.phase === 0 ? mod.axis : `(${mod.axis} − ${count(mod.phase)})`;
  return `${first} mod ${count(mod.period)} < ${count(mod.width)}`;
}

function chunks(c) {
  if (c.lo === 0 && c.hi === 0) return [`one chunk of ${count(c.size)}`];
  return range(`distance in chunks of ${count(c.size)}`, c.lo, c.hi);
}

/** What a term holds. */
function termWords(term) {
  const parts = [
    ...range("lag", term.lo, term.hi),
    ...range("key", term.keyLo > 0 ? term.keyLo : -Infinity, term.keyHi),
    ...range("query", term.queryLo > 0 ? term.queryLo : -Infinity, term.queryHi),
    ...term.mods.map(residue),
    ...term.chunks.flatMap(chunks),
    ...[...term.sets, ...term.rest].map((r) => r.words),
  ];
  return parts.length ? parts.join(", ") : "every pair";
}

/** Why a pair is in a term: the same with the pair's numbers. */
function becauseWords(term, q, k) {
  const lag = q - k;
  const parts = [];
  const inside = (name, value, lo, hi) => {
    const left = lo > -Infinity ? `${count(lo)} ≤ ` : "";
    const right = hi < Infinity ? ` ≤ ${count(hi)}` : "";
    if (left || right) parts.push(`${left}${name} ${count(value)}${right}`);
  };
  inside("lag", lag, term.lo, term.hi);
  inside("key", k, term.keyLo > 0 ? term.keyLo : -Infinity, term.keyHi);
  inside("query", q, term.queryLo > 0 ? term.queryLo : -Infinity, term.queryHi);
  for (const m of term.mods) {
    const value = m.axis === "lag" ? lag : m.axis === "key" ? k : q;
    const steps = floorDiv(value - m.phase, m.period);
    const rest = floorMod(value - m.phase, m.period);
    const from = m.phase ? `${count(m.phase)} + ` : "";
    parts.push(`${m.axis} ${count(value)} = ${from}${count(steps)} × ${count(m.period)}${rest ? ` + ${count(rest)}` : ""}`);
  }
  for (const c of term.chunks) {
    parts.push(`chunk ${count(floorDiv(q, c.size))} sees chunk ${count(floorDiv(k, c.size))} (of ${count(c.size)})`);
  }
  for (const r of [...term.sets, ...term.rest]) parts.push(r.words);
  return parts.length ? parts.join(", ") : "every pair is live";
}
