# The picture of the README: pi-Attention (arXiv 2511.10696) above a ring-local window that reads as many keys for a
# token, 74.  Drawn by: patternc show examples/pictures/pi_against_window.pat -o examples/pictures/pi_against_window.png
causal pattern pi_attention(k = 64, p = 256, hops = 8) {
    require hops >= 1, p > k
    local = window(k)
    skip  = stride(p, hops)
    attend gate(local, skip)
}

# Causal, so that nothing wraps around.
causal pattern ring_local(k = 73) {
    attend window(k)
}

prove pi_attention(k = 64, p = 256, hops = 8): edges(n) <= n * 74
prove ring_local(k = 73): edges(n) <= n * 74
