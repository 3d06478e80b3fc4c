# Mistral 7B (Jiang et al. 2023, arXiv 2310.06825): 32 layers of a sliding window.
# Its configuration says sliding_window = 4096 and means 4096 keys, the query's own among them: 4095 tokens back.
causal pattern sliding(keys = 4096) {
    require keys >= 2
    attend window(keys - 1)
}

stack mistral_7b {
    layers 32: sliding
}

# The paper's "theoretical attention span of approximately 131K tokens", exactly.
prove sliding: reach(L) == L * (keys - 1)
prove sliding: gapfree(L)
prove mistral_7b: reach(32) == 131040
prove mistral_7b: covers(131041)
prove mistral_7b: edges(n) <= 4096 * n
