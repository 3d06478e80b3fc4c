# Numbers that break a `require` or the domain of an argument: the defaults must satisfy them too.
pattern a(k = 64, p = 32, hops = 0) {
    require hops >= 1, p > k, p % 2 == 0, 0 < k < 10
#           ^^^^^^^^^ error[require]: `require hops >= 1` does not hold (hops = 0)
#                      ^^^^^ error[require]: `require p > k` does not hold (k = 64, p = 32)
#                                         ^^^^^^^^^^ error[require]: `require 0 < k and k < 10` does not hold (k = 64)
    attend window(k) | stride(p, hops)
}
pattern b(p = 0, w = 0 - 1) {
    unused = sink(w)
#                 ^ error[require]: the argument `g` of `sink` must be at least 0 (w = -1)
    attend window(w, r = w - 1) | stride(p, w) | chunk(p) | columns(p, width = p)
#                 ^ error[require]: the argument `l` of `window` must be at least 0 (w = -1)
#                        ^^^^^ error[require]: the argument `r` of `window` must be at least 0 (w = -1)
#                                        ^ error[require]: the argument `p` of `stride` must be at least 1 (p = 0)
#                                           ^ error[require]: the argument `hops` of `stride` must be at least 0 (w = -1)
#                                                      ^ error[require]: the argument `b` of `chunk` must be at least 1 (p = 0)
#                                                                   ^ error[require]: the argument `p` of `columns` must be at least 1 (p = 0)
#                                                                              ^ error[require]: the argument `width` of `columns` must be at least 1 (p = 0)
}
pattern c(p = 0) { require 8 % p == 1 attend window(8 // p) | where(d % p == 0) }
#                          ^^^^^^^^^^ error[value]: modulo by zero
#                                                   ^^^^^^ error[value]: division by zero
#                                                                       ^ error[require]: a division by zero (p = 0)
pattern d(x = 2 ** 61 + 2 ** 61) { attend full }
#             ^^^^^^^^^^^^^^^^^ error[value]: value out of bounds: it must lie between -2^62 and 2^62
pattern e(x = 2 ** 10 ** 9, y = 1 // 0, z = 1 % (2 - 2), u = 2 ** -1, v = ceil_log2(0)) { attend full }
#             ^^^^^^^^^^^^ error[value]: value out of bounds: it must lie between -2^62 and 2^62
#                               ^^^^^^ error[value]: division by zero
#                                           ^^^^^^^^^^^ error[value]: modulo by zero
#                                                            ^^^^^^^ error[value]: negative exponent -1
#                                                                         ^^^^^^^^^^^^ error[value]: ceil_log2 of 0: it takes numbers from 1 up
pattern f(x = 4611686018427387904) { attend full }
#             ^^^^^^^^^^^^^^^^^^^ error[bound]: numbers lie between -2^62 and 2^62
pattern g { attend window(-1) | stride(0) | window(2 - 3) }
#                         ^^ error[require]: the argument `l` of `window` must be at least 0
#                                      ^ error[require]: the argument `p` of `stride` must be at least 1
#                                                  ^^^^^ error[require]: the argument `l` of `window` must be at least 0
pattern i(w = 3) { attend heads { 0..4 : window(h - 2) 4..8 : window(h - 4) } }
#                                               ^^^^^ error[require]: the argument `l` of `window` must be at least 0 (h = 0) for head 0
pattern j(p = 62) { attend window(2 ** p) | window(2 ** (p + 0)) }
#                                 ^^^^^^ error[value]: value out of bounds: it must lie between -2^62 and 2^62
#                                                  ^^^^^^^^^^^^ error[value]: value out of bounds: it must lie between -2^62 and 2^62
pattern fine(p = 0) { require p == 0 or 8 % p == 0 attend full }
