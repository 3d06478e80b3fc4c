# Ring-local window, pi-stride skips and an adaptive fusion gate (arXiv 2511.10696).
causal pattern pi_attention(k = 64, p = 256, hops = 8) {
    require hops >= 1, p > k
    local = window(k)
    skip  = stride(p, hops)
    attend gate(local, skip)
}

stack pi_lm(depth = 24) {
    layers depth: pi_attention
}

prove pi_attention: causal
prove pi_attention: reach(L) == L * p * hops
prove pi_lm: covers(32768)
