# Stacks.
pattern a(k = 3, p = 9) { require p > k attend window(k) | stride(p, 1) }
stack b(depth = 2) {
    layers depth: a(k = layer)
    layers layer: a
#          ^^^^^ error[scope]: `layer` has no meaning in the count of an entry, which sees the stack's parameters
#                hint: the layer's index stands in the arguments of a stack's entries
    layers h: a(k = h, p = q)
#          ^ error[scope]: `h` has no meaning in the count of an entry, which sees the stack's parameters
#            hint: the head's index stands in arguments of relations and in `where`
#                   ^ error[scope]: `h` has no meaning in the arguments of an entry, which see `layer` and the stack's parameters
#                     hint: the head's index stands in arguments of relations and in `where`
#                          ^ error[name]: `q` is not defined in the arguments of an entry, which see `layer` and the stack's parameters
#                            hint: positions stand in `where`
    repeat n { layers window(2): a(full) }
#          ^ error[scope]: `n` has no meaning in the count of an entry, which sees the stack's parameters
#            hint: the length stands in `where` and in claims
#                     ^^^^^^^^^ error[type]: expected a number, found a relation
#                                  ^^^^ error[type]: expected a number, found a relation
    layers 1: a(4, k = 3)
#                  ^ error[arity]: the argument `k` is given twice
}
stack c { layers 3: a(k = layer * 5, p = 9) }
#         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error[require]: layer 2, pattern a: `require p > k` does not hold (k = 10, p = 9)
stack d { layers 0 - 1: a }
#         ^^^^^^^^^^^^^^^ error[value]: a count of -1 layers
stack e { repeat 3 { repeat 2000 { layers 1: a } } }
#                                  ^^^^^^^^^^^ error[bound]: stack e has more than 1024 layers, the most that is allowed
stack f { layers 1: a; layers 1: a(p = 2 ** (60 + layer) * 2) }
#                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error[value]: value out of bounds: it must lie between -2^62 and 2^62
