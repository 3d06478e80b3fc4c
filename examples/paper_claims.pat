# The receptive-field theorem of "PiAttention" (arXiv 2511.10696), as claims that anyone can run:
#
#     patternc prove examples/paper_claims.pat
#
# The paper says that L layers of a local window of k tokens with skips of p tokens see
#
#     R(L) <= k*L + p*ceil(log2 L)
#
# tokens back.  Read literally this is false, so `prove` refutes some claims below and exits with 1: that is the point
# of this file.  Each claim says in its comment what is to be expected.

# One layer: the token itself, k tokens before it, and one token p before it.
causal pattern window_and_skip(k = 128, p = 4096) {
    require k >= 1
    attend window(k) | stride(p, 1)
}

# --- The literal reading -----------------------------------------------------------------------------------------

# Refuted.  Every layer may take its skip, so L layers see p*L back, not p*log2(L).
# The smallest counterexample is one layer, k = 1, p = 2: it sees 2 back, and the bound is 1.
prove window_and_skip: reach(L) <= k*L + p*ceil_log2(L)

# Refuted too where log2(L) is not 0: two layers, k = 1, p = 3 see 6 back, and the bound is 5.
prove window_and_skip if L >= 2: reach(L) <= k*L + p*ceil_log2(L)

# Refuted even for what is seen without a hole: six layers, k = 1, p = 3 see every token up to 16 back; the bound is 15.
prove window_and_skip if L >= 2, p >= k + 2: prefix(L) <= k*L + p*ceil_log2(L)

# --- Where it is true --------------------------------------------------------------------------------------------

# Proved: where the skip adds nothing to the window.
prove window_and_skip if p <= k: reach(L) <= k*L + p*ceil_log2(L)

# Proved: the other way round.  With long skips it is a lower bound, for every number of layers.
prove window_and_skip if p >= 3*k: reach(L) >= k*L + p*ceil_log2(L)

# Proved, and says nothing: where L is the length of the sequence (as the abstract has it), the window alone sees it all.
prove window_and_skip if L >= n: covers(n, layers = L)

# --- What is true instead ----------------------------------------------------------------------------------------

# Proved: reach grows linearly.
prove window_and_skip: reach(L) == L * max(k, p)

# Proved: and so does what is seen without a hole, but only from layer c = ceil((p - 1) / k) on.
# Before it the skips add nothing, since the windows do not fill the space between them yet.
prove window_and_skip: prefix(L) == k*L + max(0, p - k) * max(0, L - (p - 1 + k - 1) // k + 1)

# Proved: there is no hole at all exactly where the window and the skip touch.
prove window_and_skip if p <= k + 1: gapfree(L)

# Refuted: otherwise holes stay, however many layers there are; they only move outwards.
prove window_and_skip if p > k + 1: gapfree(L)

# --- What it costs -----------------------------------------------------------------------------------------------

causal pattern window_and_skips(k = 128, p = 4096, hops = 8) {
    attend window(k) | stride(p, hops)
}

# Proved: a layer costs O(n*k) scores as long as the number of skips is fixed.
prove window_and_skips: edges(n) <= n * (k + hops + 2)

# Skips without end, to every multiple of p.
causal pattern endless_skips(k = 128, p = 4096) {
    require k >= 1
    attend window(k) | stride(p)
}

# Refuted: their cost is not linear in n, it is about n*k + n*n / (2*p).
prove endless_skips: edges(n) <= n * (k + 2)

# Proved: but they need a number of layers that does not depend on n.
prove endless_skips: depth(n) <= 1 + (p - 1 + k - 1) // k

# --- Models for which the bound holds ----------------------------------------------------------------------------

causal pattern window_and_some_skips(k = 128, p = 4096, hops = 1) {
    attend window(k) | stride(p, hops)
}

causal pattern neighbourhood(w = 128, p = 4096, skips = 1) {
    require p > w
    attend where(0 <= d <= skips * p + w and d % p <= w)
}

# Skips in the layers 2, 3, 5, 9, 17, ... only (counted from 1): as many as the paper's logarithm.
stack logarithmic_skips(k = 128, p = 4096) {
    layers 64: window_and_some_skips(k = k, p = p, hops = 1 - min(1, 2 ** ceil_log2(max(layer, 1)) - layer))
}

# Proved, both: the bound holds, and is not tight, since a layer that skips does not use its window.
prove logarithmic_skips: reach(L) <= k*L + p*ceil_log2(L)
prove logarithmic_skips: reach(L) == k*L + (p - k) * ceil_log2(L)

# Where a skip leads to a whole neighbourhood, the bound is exact.  Proved.
stack logarithmic_neighbourhoods(k = 128, p = 4096) {
    layers 64: neighbourhood(w = k, p = p, skips = 1 - min(1, 2 ** ceil_log2(max(layer, 1)) - layer))
}

prove logarithmic_neighbourhoods: reach(L) == k*L + p*ceil_log2(L)

# Skips that shrink as p, p/2, p/3, ...: proved but for the first layers.
stack shrinking_skips(k = 128, p = 4096) {
    layers 64: window_and_some_skips(k = k, p = p // (layer + 1), hops = 1)
}

prove shrinking_skips if L >= 5: reach(L) <= k*L + p*ceil_log2(L)

# --- Where a logarithm does come from ----------------------------------------------------------------------------

# Skips that double from layer to layer.  Proved: reach is exponential in the number of layers, so that the number of
# layers a length needs is logarithmic.
stack doubling_skips(k = 128, p = 129) {
    layers 14: window_and_some_skips(k = k, p = p * 2 ** layer, hops = 1)
}

prove doubling_skips: reach(L) == p * (2 ** L - 1)
prove doubling_skips: gapfree(L)
prove doubling_skips: covers(1048576)
