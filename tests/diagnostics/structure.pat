# What a pattern is made of.
pattern without { local = window(3) }
#       ^^^^^^^ error[attend]: pattern `without` has no `attend`
#               hint: its last statement says what a query attends to: `attend RELATION`
pattern empty { }
#       ^^^^^ error[attend]: pattern `empty` has no `attend`
#             hint: its last statement says what a query attends to: `attend RELATION`
pattern twice {
    attend full
    attend none
#   ^^^^^^ error[attend]: a second `attend`: a pattern has exactly one
#          hint: one softmax over several relations is `attend A | B`, a fusion of several is `attend gate(A, B)`
}
pattern after(p = 3) {
    attend full
    local = window(3)
#   ^^^^^ error[attend]: a statement after `attend`, which is the last one
    require p > 2
}
pattern gates {
    fused = gate(full, none)
#           ^^^^^^^^^^^^^^^^ error[gate]: `gate` stands directly under `attend` or a heads entry, and nowhere else
#                            hint: its branches are normalised apart, so it is no relation
    attend full | gate(full, none)
#                 ^^^^^^^^^^^^^^^^ error[gate]: `gate` stands directly under `attend` or a heads entry, and nowhere else
#                                  hint: its branches are normalised apart, so it is no relation
}
pattern gates2 { attend gate(gate(full, none), full) }
#                            ^^^^^^^^^^^^^^^^ error[gate]: `gate` stands directly under `attend` or a heads entry, and nowhere else
#                                             hint: its branches are normalised apart, so it is no relation
pattern gates3 { attend mirror(gate(full, none)) }
#                              ^^^^^^^^^^^^^^^^ error[gate]: `gate` stands directly under `attend` or a heads entry, and nowhere else
#                                               hint: its branches are normalised apart, so it is no relation
pattern blocks { attend heads { else : full else : none } }
#                                           ^^^^ error[duplicate]: `heads` has two `else` entries
pattern no_entries { attend heads { } }
#                           ^^^^^^^^^ error[heads]: `heads` has no entries
#                                     hint: as in `heads { 0..4 : window(64) }`
pattern names { attend heads { 0..h : full; q..2 : none } }
#                                 ^ error[scope]: `h` has no meaning in a head range
#                                   hint: the head's index stands in arguments of relations and in `where`
#                                           ^ error[name]: `q` is not defined in a head range
#                                             hint: positions stand in `where`
