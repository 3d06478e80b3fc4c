# Dense causal attention (Vaswani et al. 2017, arXiv 1706.03762): what all sparse patterns are measured against.
causal pattern dense {
    attend full
}

prove dense: causal
prove dense: depth(n) <= 1
prove dense: covers(n, layers = 1)
prove dense: edges(n) == n * (n + 1) // 2
prove dense: reach(L) == oo
