# Pi-attention (arXiv 2511.10696) with a period that doubles from layer to layer: the receptive field doubles too, so
# that ten layers, each with a window of 129 keys and one skip, see 128K tokens without a gap.
causal pattern pi_skip(k = 128, p = 129, hops = 1) {
    require hops >= 1, p > k
    attend gate(window(k), stride(p, hops))
}

stack pi_doubling(depth = 10) {
    layers depth: pi_skip(k = 128, p = 129 * 2 ** layer, hops = 1)
}

prove pi_doubling: reach(10) == 129 * (2 ** 10 - 1)
prove pi_doubling: gapfree(10)
prove pi_doubling: covers(131072)
prove pi_doubling: depth(131072) == 10
