# The baseline that the pi-attention paper (arXiv 2511.10696) calls RingAttention: a local window on a ring, so that the
# first tokens also see the last ones.  (Ring Attention of Liu et al., arXiv 2310.01889, is exact dense attention that
# is spread over devices; see dense.pat.)
pattern ring_local(k = 64) {
    attend ring(k)
}

# The receptive field grows by k a layer, and by no more: 16 layers see 1024 tokens back around the ring.
prove ring_local: nonempty
prove ring_local(k = 64): covers(1025, layers = 16)
prove ring_local(k = 64): depth(1025) == 16
prove ring_local(k = 64): edges(1025) == 1025 * 65
