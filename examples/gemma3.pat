# Gemma 3 (Gemma Team 2025, arXiv 2503.19786): five local layers with a window of 1024 keys to one global layer.
causal pattern local(keys = 1024) {
    require keys >= 2
    attend window(keys - 1)
}

causal pattern whole {
    attend full
}

# 27B: 62 layers; the last two are local again.
stack gemma3_27b {
    repeat 10 {
        layers 5: local
        layers 1: whole
    }
    layers 2: local
}

# The first five layers see five windows; the sixth sees the whole context of 128K tokens.
prove gemma3_27b: reach(5) == 5 * 1023
prove gemma3_27b: depth(131072) == 6
prove gemma3_27b: covers(131072)
prove local: subset(whole)
