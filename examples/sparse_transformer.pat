# Sparse Transformer (Child et al. 2019, arXiv 1904.10509), section 4: full attention factorised into two steps.

# Strided (images, music): one half of the heads sees the l tokens before, the other every l-th token.
causal pattern strided(l = 128) {
    require l >= 1
    attend heads {
        0..heads // 2 : window(l)
        else          : stride(l)
    }
}

# Fixed (text), as one merged head: its own block of l tokens, and the last c tokens of every block before.
causal pattern fixed(l = 128, c = 32) {
    require 1 <= c <= l
    attend chunk(l) | columns(l, phase = l - c, width = c)
}

# The point of the factorisation: any two tokens are two steps apart, at about n * sqrt(n) of n * n scores.
prove strided(heads = 2): covers(n, layers = 2)
prove strided(l = 128, heads = 2): depth(4096) == 2
prove fixed(l = 128, c = 32): covers(4096, layers = 2)
prove fixed(l = 128, c = 32): edges(4096) <= 4096 * 1100
prove fixed: causal
prove fixed: nonempty
