"""Matrices of every form that mlx quantises to and we read, with the values that it gives back, in float32."""
import mlx.core as mx

mx.set_default_device(mx.cpu)
mx.random.seed(7)
tensors = {}
TYPES = (("f16", mx.float16), ("bf16", mx.bfloat16), ("f32", mx.float32))
for bits in (4, 8, 2, 3, 5, 6):
    for group in (32, 64, 128):
        for name, dtype in TYPES if bits in (4, 8) else TYPES[1:2]:
            matrix = (mx.random.normal((3, 256)) * 0.05).astype(dtype)
            path = f"q{bits}.g{group}.{name}"
            weight, scales, biases = mx.quantize(matrix, group_size=group, bits=bits)
            tensors[f"{path}.weight"], tensors[f"{path}.scales"], tensors[f"{path}.biases"] = weight, scales, biases
            tensors[f"{path}.expected"] = mx.dequantize(
                weight, scales.astype(mx.float32), biases.astype(mx.float32), group_size=group, bits=bits
            )
matrix = mx.random.normal((3, 256)) * 0.05
weight, scales = mx.quantize(matrix, mode="mxfp4")
tensors |= {"mxfp4.weight": weight, "mxfp4.scales": scales}
tensors["mxfp4.expected"] = mx.dequantize(weight, scales, mode="mxfp4", dtype=mx.float32)
mx.save_safetensors("model.safetensors", tensors)
