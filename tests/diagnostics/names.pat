# Names: defined once, before they are used, and none that the language has already.
pattern first(k = 64, p = k + later, later = 3, k = 5, h = 2) {
#                             ^^^^^ error[order]: `later` is used before it is defined
#                                   hint: it is defined on line 2
#                                               ^ error[duplicate]: `k` is defined twice
#                                                 hint: it was defined first on line 2
#                                                      ^ error[reserved]: `h` is reserved; it cannot be the name of anything else
    require p > q, n > 3, window > 2, missing > 1
#               ^ error[name]: `q` is not defined in `require`, which sees parameters only
#                 hint: positions stand in `where`
#                  ^ error[scope]: `n` has no meaning in `require`, which sees parameters only
#                    hint: the length stands in `where` and in claims
#                         ^^^^^^ error[type]: expected a number, found a relation
#                                     ^^^^^^^ error[name]: `missing` is not defined
    local = window(kk)
#                  ^^ error[name]: `kk` is not defined
#                     hint: did you mean `k`?
    all = full
#   ^^^ error[reserved]: `all` is reserved; it cannot be the name of anything else
    both = local | after
#                  ^^^^^ error[order]: `after` is used before it is defined
#                        hint: it is defined on line 23
    after = both | locl
#                  ^^^^ error[name]: `locl` is not defined
#                       hint: did you mean `local`?
    local = sink(4)
#   ^^^^^ error[duplicate]: `local` is defined twice
#         hint: it was defined first on line 15
    p = full
#   ^ error[duplicate]: `p` is defined twice
#     hint: it was defined first on line 2
    attend both | where(kk < d) | layer | L
#                       ^^ error[name]: `kk` is not defined
#                          hint: did you mean `k`?
#                                 ^^^^^ error[scope]: `layer` has no meaning in the arguments of a relation
#                                       hint: the layer's index stands in the arguments of a stack's entries
#                                         ^ error[scope]: `L` has no meaning in the arguments of a relation
#                                           hint: the number of layers stands in claims
}
 pattern first { attend full }
#        ^^^^^ error[duplicate]: `first` is defined twice
#              hint: it was defined first on line 2
pattern window { attend full }
#       ^^^^^^ error[reserved]: `window` is a primitive; it cannot be the name of anything else
stack oo { layers 1: first }
#     ^^ error[reserved]: `oo` is reserved; it cannot be the name of anything else
stack second { layers 2: thrid; layers 1: second; layers 3: first(k = layer, b = 2, h) }
#                        ^^^^^ error[name]: there is no pattern `thrid`
#                              hint: did you mean `third`?
#                                         ^^^^^^ error[type]: `second` is a stack; layers are of a pattern
#                                                                            ^ error[arity]: `first(k, p, later, h)` has no argument `b`
#                                                                                   ^ error[arity]: an argument without a name stands before those with one
#                                                                                   ^ error[scope]: `h` has no meaning in the arguments of an entry, which see `layer` and the stack's parameters
#                                                                                     hint: the head's index stands in arguments of relations and in `where`
pattern third(lenght = 4) { attend window(length) | widow(3) | windw(length) }
#                                         ^^^^^^ error[name]: `length` is not defined
#                                                hint: did you mean `lenght`?
#                                                   ^^^^^ error[name]: `widow` is not defined
#                                                         hint: did you mean `window`?
#                                                              ^^^^^ error[name]: `windw` is not defined
#                                                                    hint: did you mean `window`?
#                                                                    ^^^^^^ error[name]: `length` is not defined
#                                                                           hint: did you mean `lenght`?
prove fist: causal
#     ^^^^ error[name]: there is no pattern or stack `fist`
#          hint: did you mean `first`?
prove first: subset(secnd)
#                   ^^^^^ error[name]: there is no pattern `secnd`
prove first: subset(second)
#                   ^^^^^^ error[type]: `second` is a stack; expected a pattern
prove first(kay = 3): causal
#           ^^^ error[arity]: `first(k, p, later, h)` has no argument `kay`
prove first(k = p): causal
#               ^ error[name]: `p` is not defined in a value given to a claim's target, which is an integer
prove first: L < q
#                ^ error[name]: `q` is not defined in a claim
#                  hint: positions stand in `where`
prove second: reach(L) <= depht * layer
#                         ^^^^^ error[name]: `depht` is not defined
#                                 ^^^^^ error[scope]: `layer` has no meaning in a claim
#                                       hint: the layer's index stands in the arguments of a stack's entries
