# Pi-attention (arXiv 2511.10696) with a phase of its own for each head: where all heads of pi_attention.pat skip to the
# same tokens, these divide the period among them.  Eight heads with p = 256 see every 32nd token together, at the cost
# of one skip pattern each.
causal pattern pi_staggered(k = 64, p = 256, hops = 8) {
    require hops >= 1, p > k
    local = window(k)
    skip  = stride(p, hops, phase = h * p // heads)
    attend gate(local, skip)
}

stack pi_staggered_lm(depth = 16) {
    layers depth: pi_staggered
}

prove pi_staggered: causal
# The last head's phase, 7 * 32, and eight hops of 256.
prove pi_staggered(k = 64, p = 256, hops = 8, heads = 8): reach(L) == 2272 * L
# Without the phases the same depth leaves holes; with them there are none.
prove pi_staggered(k = 64, p = 256, hops = 8, heads = 8): prefix(L) == 2272 * (L - 1) + 64
prove pi_staggered_lm(heads = 8): depth(32768) == 16
prove pi_staggered_lm(heads = 8): covers(32768)
