# Arguments: their number, their names, their order.
pattern a(p = 64) {
    b = window() | window(1, 2, 3) | window(l = 1, l = 2) | window(1, l = 2) | window(r = 1, 2) | window(x = 3)
#       ^^^^^^^^ error[arity]: `window(l, [r])` needs the argument `l`
#                               ^ error[arity]: `window(l, [r])` takes at most 2 arguments
#                                                  ^ error[arity]: the argument `l` is given twice
#                                                                     ^ error[arity]: the argument `l` is given twice
#                                                                                            ^ error[arity]: an argument without a name stands before those with one
#                                                                                                        ^ error[arity]: `window(l, [r])` has no argument `x`
    c = stride(64, fase = 3) | stride(hops = 2) | stride(all) | window(all) | stride(p, all)
#                  ^^^^ error[arity]: `stride(p, [hops], [phase])` has no argument `fase`
#                       hint: did you mean `phase`?
#                              ^^^^^^^^^^^^^^^^ error[arity]: `stride(p, [hops], [phase])` needs the argument `p`
#                                                        ^^^ error[scope]: `all` has no meaning in the arguments of a relation
#                                                            hint: `all` stands for `hops` of a stride
#                                                                      ^^^ error[scope]: `all` has no meaning in the arguments of a relation
#                                                                          hint: `all` stands for `hops` of a stride
    d1 = sink | global | where | mirror | per_document
#        ^^^^ error[arity]: `sink` needs arguments: `sink(g)`
#               ^^^^^^ error[arity]: `global` needs arguments: `global(g)`
#                        ^^^^^ error[arity]: `where` needs arguments: `where(COND)`
#                                ^^^^^^ error[arity]: `mirror` needs arguments: `mirror(R)`
#                                         ^^^^^^^^^^^^ error[arity]: `per_document` needs arguments: `per_document(R)`
    e = full & same_document() | none()
#              ^^^^^^^^^^^^^^^ error[arity]: `same_document` takes no arguments
#                              hint: write `same_document`, without parentheses
#                                ^^^^^^ error[arity]: `none` takes no arguments
#                                       hint: write `none`, without parentheses
    f = where(p = 3) | where(d < 3, q < 2) | mirror(full, full) | mirror(R = full)
#             ^ error[arity]: `where(COND)` has no argument `p`
#               hint: compare with `==`
#                                   ^^^^^ error[arity]: `where(COND)` takes at most 1 argument
#                                                         ^^^^ error[arity]: `mirror(R)` takes at most 1 argument
    g = window(min(3)) | window(max()) | window(abs(p, p)) | window(min) | window(ceil_log2(x = 3))
#              ^^^^^^ error[arity]: `min` takes 2 or more arguments, not 1
#                               ^^^^^ error[arity]: `max` takes 2 or more arguments, not 0
#                                               ^^^^^^^^^ error[arity]: `abs` takes 1 argument, not 2
#                                                                   ^^^ error[arity]: `min` needs arguments
#                                                                       hint: as in `min(a, b)`
#                                                                                           ^ error[arity]: the arguments of `ceil_log2` have no names
    attend gate(b, c = c, d1)
#                  ^ error[arity]: the branches of a gate have no names
}
pattern one { attend gate(full) }
#                    ^^^^^^^^^^ error[gate]: a gate has at least two branches
#                               hint: without a gate, `attend R` is one softmax over R
pattern none_at_all { attend gate() }
#                            ^^^^^^ error[gate]: a gate has at least two branches
#                                   hint: without a gate, `attend R` is one softmax over R
