# Longformer (Beltagy et al. 2020, arXiv 2004.05150): a window of 512 tokens, 256 to each side, in all 12 layers of the
# base model, and global attention on the first token (for questions: on all tokens of the question).
pattern longformer(side = 256, tokens = 1) {
    attend window(side, side) | global(tokens)
}

stack longformer_base {
    layers 12: longformer
}

# A global token reads everything and is read by everything: two layers suffice at any length.
prove longformer: nonempty
prove longformer(side = 256, tokens = 1): depth(4096) == 2
prove longformer_base: covers(4096)
# 513 keys in the window, the global key, and the global token's own row.
prove longformer(side = 256, tokens = 1): edges(4096) <= 4096 * 515
