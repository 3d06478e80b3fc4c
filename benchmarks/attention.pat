# The patterns of benchmarks/attention.py.
causal pattern window_256 { attend window(256) }
causal pattern window_1024 { attend window(1024) }
causal pattern window_4096 { attend window(4096) }
causal pattern stride_64 { attend stride(64) }
causal pattern stride_64_64 { attend stride(64, 64) }
causal pattern window_stride_64 { attend window(256) | stride(64) }
causal pattern window_stride_512 { attend window(256) | stride(512, 8) }
causal pattern sink_window { attend sink(64) | window(1024) }
causal pattern gate_window_stride { attend gate(window(256), stride(64)) }
causal pattern dense { attend causal }
