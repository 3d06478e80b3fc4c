# LongNet (Ding et al. 2023, arXiv 2307.02486): dilated attention.  Segments of w tokens; within a segment every r-th
# token, beginning at the head's index modulo r, so that r heads together select every token.
# The paper's five pairs: w = 2048, 4096, 8192, 16384, 32768 and r = 1, 2, 4, 6, 12.  Its mixture of the five, weighted
# by their softmax denominators, is one softmax over their union but for pairs that several of them hold.
# (6 and 12 do not divide their segments: tokens are counted from the beginning of the segment.)
pattern longnet {
    w1 = chunk(2048)
    w2 = chunk(4096) & where(q % 2 == h % 2 and k % 2 == h % 2)
    w3 = chunk(8192) & where(q % 4 == h % 4 and k % 4 == h % 4)
    w4 = chunk(16384) & where(q % 16384 % 6 == h % 6 and k % 16384 % 6 == h % 6)
    w5 = chunk(32768) & where(q % 32768 % 12 == h % 12 and k % 32768 % 12 == h % 12)
    attend w1 | w2 | w3 | w4 | w5
}

prove longnet: nonempty
prove longnet(heads = 12): covers(4096, layers = 2)
