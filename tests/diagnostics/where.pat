# Conditions in `where` are quasi-affine in the positions.
pattern a(k = 4, p = 8, n1 = 2) {
    b = where(q * k < 3 and d % n == 0 or q // d > 2 or p % k < 1)
#             ^^^^^ error[affine]: a product of two positions is not quasi-affine
#                   hint: at most one factor of a product may hold a position
#                 ^ warning[shadow]: inside `where`, `k` is the key's position, not the parameter
#                   hint: rename the parameter `k`
#                               ^ error[affine]: the right side of `%` may not hold a position
#                                 hint: `d` modulo `n` is the wrapped window `ring(l, r)`
#                                              ^ error[affine]: the right side of `//` may not hold a position
#                                                           ^ error[affine]: the right side of `%` may not hold a position
    c = where(d ** 2 < p or p ** d < 3 or ceil_log2(d + 1) < 3)
#             ^^^^^^ error[affine]: a power of a position is not quasi-affine
#                           ^^^^^^ error[affine]: a power of a position is not quasi-affine
#                                                   ^^^^^ error[affine]: a logarithm of a position is not quasi-affine
    e = where(p * (q + n1) * (h + 1) < 3 and (d * p) * (1 + n) > 2)
#                                            ^^^^^^^^^^^^^^^^^ error[affine]: a product of two positions is not quasi-affine
#                                                              hint: at most one factor of a product may hold a position
    f = where(d and q < 3)
#             ^ error[type]: expected a condition, found a number
    g = where(d)
#             ^ error[type]: expected a condition, found a number
    i = where(0 <= d < 2 * k)
    j = window(d) | where(L > layer) | where(reach(2) > 3)
#              ^ error[name]: `d` is not defined in the arguments of a relation
#                hint: positions stand in `where`
#                         ^ error[scope]: `L` has no meaning in `where`
#                           hint: the number of layers stands in claims
#                             ^^^^^ error[scope]: `layer` has no meaning in `where`
#                                   hint: the layer's index stands in the arguments of a stack's entries
#                                            ^^^^^ error[scope]: `reach` stands in claims only
    attend b | c
}
