# StreamingLLM (Xiao et al. 2023, arXiv 2309.17453): four attention sinks and a cache of the 1020 latest tokens.
causal pattern streaming_llm(sinks = 4, recent = 1020) {
    require recent >= 1
    attend sink(sinks) | window(recent - 1)
}

prove streaming_llm: causal
prove streaming_llm: nonempty
# What a token costs does not grow with the sequence.
prove streaming_llm(sinks = 4, recent = 1020): edges(65536) <= 65536 * 1024
# Sinks are seen from everywhere but pass nothing on: what lies between them and the window comes layer by layer.
prove streaming_llm(sinks = 4, recent = 1020): depth(4096) == 5
