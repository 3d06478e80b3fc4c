# Numbers, conditions and relations: each where it may stand.
pattern a(p = 64, b = 1 < 2, c = window(3)) {
#                     ^^^^^ error[type]: expected a number, found a condition
#                                ^^^^^^^^^ error[type]: expected a number, found a relation
    require p, window(p), p + 1, not p, p > 1 and 3
#           ^ error[type]: expected a condition, found a number
#             hint: `p` is a parameter
#              ^^^^^^^^^ error[type]: expected a condition, found a relation
#                         ^^^^^ error[type]: expected a condition, found a number
#                                    ^ error[type]: expected a condition, found a number
#                                      hint: `p` is a parameter
#                                                 ^ error[type]: expected a condition, found a number
    r = p | window(1 < 2) | window(window(1)) | where(p) | where(window(p)) | where(d < r)
#       ^ error[type]: expected a relation, found a number
#         hint: `p` is a parameter
#                  ^^^^^ error[type]: expected a number, found a condition
#                                  ^^^^^^^^^ error[type]: expected a number, found a relation
#                                                     ^ error[type]: expected a condition, found a number
#                                                       hint: `p` is a parameter
#                                                                ^^^^^^^^^ error[type]: expected a condition, found a relation
#                                                                                       ^ error[order]: `r` is used before it is defined
#                                                                                         hint: it is defined on line 13
    s = r + window(p) * 2
#       ^^^^^^^^^^^^^^^^^ error[type]: expected a relation, found a number
#                         hint: relations are joined by `|`, `&` and `-`
    t = not r
#       ^^^^^ error[type]: expected a relation, found a condition
#             hint: the pairs outside R are `full - R`
    u = r and window(p)
#       ^^^^^^^^^^^^^^^ error[type]: expected a relation, found a condition
#                       hint: relations are joined by `&`
    v = d < 3
#       ^^^^^ error[type]: expected a relation, found a condition
#             hint: a condition becomes a relation in `where(...)`
    w = min(r, 3) | abs(1, 2) | mirror(p)
#       ^^^^^^^^^ error[type]: expected a relation, found a number
#                   ^^^^^^^^^ error[type]: expected a relation, found a number
#                                      ^ error[type]: expected a relation, found a number
#                                        hint: `p` is a parameter
    x = where(q < 2 | k < 3)
#                 ^^^^^ error[type]: expected a number, found a relation
#                       hint: `|` joins relations; conditions are joined by `or`
    y = where(q < 2 & k < 3)
#                 ^^^^^ error[type]: expected a number, found a relation
#                       hint: `&` joins relations; conditions are joined by `and`
    z = -r - p
#       ^^^^^^ error[type]: expected a relation, found a number
#              hint: relations are joined by `|`, `&` and `-`
    attend p(3) | r(2) | (1 < 2) < 3
#          ^^^^^^^^^^^^^^^^^^^^^^^^^ error[type]: expected a relation, found a condition
#                                    hint: a condition becomes a relation in `where(...)`
}
