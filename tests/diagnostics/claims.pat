# What `prove` may say.
pattern a(k = 3) { attend window(k) }
pattern b { attend full }
stack s { layers 2: a }
prove a: reach
#        ^^^^^ error[claim]: `reach` is a number: compare it
#              hint: as in `reach(L) <= ...`
prove a: reach(L)
#        ^^^^^^^^ error[claim]: `reach` is a number: compare it
#                 hint: as in `reach(L) <= ...`
prove a: reach(L, 2) == 3 + depth()
#        ^^^^^^^^^^^ error[arity]: `reach` takes one argument, a number of layers
#                           ^^^^^^^ error[arity]: `depth` takes one argument, a length
prove a: reach(depth(3)) == 3
#              ^^^^^^^^ error[claim]: a term of a claim takes no other term
prove a: reach(L) == oo + 1
#                    ^^ error[scope]: `oo` has no meaning in a claim
#                       hint: infinity stands in claims, alone on its side of a comparison
prove a: 2 * oo > edges(n)
#            ^^ error[scope]: `oo` has no meaning in a claim
#               hint: infinity stands in claims, alone on its side of a comparison
prove a: 3
#        ^ error[claim]: this is no claim
#          hint: a claim is a comparison, or one of `causal`, `nonempty`, `covers(n, layers = L)`, `gapfree(L)`, `subset(OTHER)`, `equal(OTHER)`
prove a: k
#        ^ error[claim]: this is no claim
#          hint: a claim is a comparison, or one of `causal`, `nonempty`, `covers(n, layers = L)`, `gapfree(L)`, `subset(OTHER)`, `equal(OTHER)`
prove a: casual
#        ^^^^^^ error[name]: `casual` is no claim
#               hint: did you mean `causal`?
prove a: causal and nonempty
#        ^^^^^^^^^^^^^^^^^^^ error[claim]: a `prove` makes one claim
#                            hint: write a `prove` for each
prove a: not causal
#        ^^^^^^^^^^ error[claim]: this is no claim
#                   hint: a claim is a comparison, or one of `causal`, `nonempty`, `covers(n, layers = L)`, `gapfree(L)`, `subset(OTHER)`, `equal(OTHER)`
prove a: reach(L) == L and edges(n) < 3
#        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error[claim]: a `prove` makes one claim
#                                       hint: write a `prove` for each
prove a: covers
#        ^^^^^^ error[arity]: `covers` needs arguments: `covers(n, layers = L)`
prove a: covers(32)
#        ^^^^^^^^^^ error[arity]: `covers` for a pattern needs the argument `layers`
#                   hint: write `covers(n, layers = L)`; a stack has layers of its own
prove a: covers(32, 24)
#                   ^^ error[arity]: the layers of `covers` are given by name
#                      hint: write `covers(n, layers = L)`
prove a: covers(32, layer = 24)
#                   ^^^^^ error[arity]: `covers(n, layers = L)` has no argument `layer`
#                         hint: did you mean `layers`?
prove a: covers(layers = 24)
#        ^^^^^^^^^^^^^^^^^^^ error[arity]: `covers(n, layers = L)` needs the argument `n`
prove s: subset(a)
#        ^^^^^^^^^ error[claim]: `subset` compares two patterns, and `s` is a stack
prove a: subset(s)
#               ^ error[type]: `s` is a stack; expected a pattern
prove a: subset(a | b)
#               ^^^^^ error[type]: expected the name of a pattern
prove a: subset(3)
#               ^ error[type]: expected the name of a pattern
prove a: gapfree(window(3))
#                ^^^^^^^^^ error[type]: expected a number, found a relation
prove a: equal(b, a)
#                 ^ error[arity]: `equal(OTHER)` takes at most 1 argument
prove a if reach(L) > 2: causal
#          ^^^^^ error[scope]: `reach` stands in claims only
prove a if 3: causal
#          ^ error[type]: expected a condition, found a number
prove a(heads = 2, heads = 3): causal
#                  ^^^^^^^^^ error[arity]: the argument `heads` is given twice
prove a(3, 4): causal
#          ^ error[arity]: `a(k)` takes at most 1 argument
prove a(heads = L): causal
#               ^ error[scope]: `L` has no meaning in a value given to a claim's target, which is an integer
#                 hint: the number of layers stands in claims
prove a: causal < 3
#        ^^^^^^ error[type]: expected a number, found a relation
prove a(heads = 0): causal
#               ^ error[heads]: 0 heads: a pattern has 1 to 1024
prove a(k = 1 // 0): reach(L) == 1 // (k - k)
#           ^^^^^^ error[value]: division by zero
#                                ^^^^^^^^^^^^ error[value]: division by zero
