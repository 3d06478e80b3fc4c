// Expressions of the intermediate representation.  They arrive as numbers, truth values, names, and lists
// [operator, ...arguments]; a number beyond 2^53 arrives as ["big", text].  Division rounds down, as in Python.

const SAFE = Number.MAX_SAFE_INTEGER;

class PageError extends Error {}

function floorMod(a, b) {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

function floorDiv(a, b) {
  return (a - floorMod(a, b)) / b;
}

function exact(value) {
  if (!(Math.abs(value) <= SAFE)) throw new PageError("a number beyond 2^53, which this page does not compute with");
  return value;
}

const ARITHMETIC = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "//": (a, b) => {
    if (b === 0) throw new PageError("a division by zero");
    return floorDiv(a, b);
  },
  "%": (a, b) => {
    if (b === 0) throw new PageError("a division by zero");
    return floorMod(a, b);
  },
  "**": (a, b) => {
    if (b < 0) throw new PageError("a negative exponent");
    return a ** b;
  },
  neg: (a) => -a,
  min: Math.min,
  max: Math.max,
  abs: Math.abs,
  ceil_log2: (a) => {
    if (a < 1) throw new PageError("ceil_log2 of a number below 1");
    let e = 0;
    while (2 ** e < a) e += 1;
    return e;
  },
};

const COMPARE = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** The value of an expression; `env` gives the names' numbers. */
function evaluate(expr, env) {
  if (typeof expr === "string") {
    if (!(expr in env)) throw new PageError(`no value for ${expr}`);
    return env[expr];
  }
  if (!Array.isArray(expr)) return expr;
  const [op, ...args] = expr;
  if (op === "big") throw new PageError("a number beyond 2^53, which this page does not compute with");
  if (op === "and") return args.every((a) => evaluate(a, env));
  if (op === "or") return args.some((a) => evaluate(a, env));
  if (op === "not") return !evaluate(args[0], env);
  const values = args.map((a) => evaluate(a, env));
  return op in COMPARE ? COMPARE[op](...values) : exact(ARITHMETIC[op](...values));
}

/** A bound of a range: what lies beyond every position may be rounded. */
function bound(expr, env) {
  if (Array.isArray(expr) && expr[0] === "big") return Number(expr[1]);
  return expr === null ? null : evaluate(expr, env);
}

/** JavaScript text of a condition over q and k; names of `env` become numbers, `places` spells the positions. */
function compile(expr, env, places) {
  if (typeof expr === "string") return expr in places ? places[expr] : `(${evaluate(expr, env)})`;
  if (!Array.isArray(expr)) return `(${expr})`;
  const [op, ...args] = expr;
  if (op === "big") return `(${Number(args[0])})`;
  const inner = args.map((a) => compile(a, env, places));
  switch (op) {
    case "and":
      return `(${inner.join(" && ")})`;
    case "or":
      return `(${inner.join(" || ")})`;
    case "not":
      return `(!${inner[0]})`;
    case "==":
    case "!=":
      return `(${inner[0]} ${op}= ${inner[1]})`;
    case "neg":
      return `(-${inner[0]})`;
    case "//":
      return `floorDiv(${inner.join(", ")})`;
    case "%":
      return `floorMod(${inner.join(", ")})`;
    case "min":
    case "max":
    case "abs":
      return `Math.${op}(${inner.join(", ")})`;
    case "**":
    case "ceil_log2":
      return `(${evaluate(expr, env)})`;
    default:
      return `(${inner[0]} ${op} ${inner[1]})`;
  }
}

/** A bound on the magnitude of every number in an expression whose positions lie below `n`. */
function magnitude(expr, env, n) {
  if (typeof expr === "string") return expr.startsWith(".") ? n : Math.abs(env[expr] ?? 0);
  if (!Array.isArray(expr)) return typeof expr === "number" ? Math.abs(expr) : 0;
  const [op, ...args] = expr;
  if (op === "big") return Infinity;
  const sizes = args.map((a) => magnitude(a, env, n));
  if (op in COMPARE && sizes.some((s) => s <= SAFE) && args.some((a) => Array.isArray(a) && a[0] === "big")) {
    return Math.min(...sizes); // compared with a huge constant, everything is small
  }
  if (op === "*") return Math.max(...sizes, sizes[0] * sizes[1]);
  if (op === "**") return Math.abs(evaluate(expr, env));
  return op === "+" || op === "-" || op === "//" || op === "%" ? sizes.reduce((a, b) => a + b, 1) : Math.max(0, ...sizes);
}
