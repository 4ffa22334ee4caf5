import Blueprint

/// What mlx-lm changes in the tensors that it converts, changed back: a blueprint is of the reference's.
///
/// Some names begin otherwise. Of models with states, the two last dimensions of convolutions have changed places, one
/// of which is 1, so that the elements lie as they did; and where they have, norms that add one to their weights have
/// it added already. Experts in one tensor and latents' expansions in two are sources of the blueprint's weights.
///
/// Reference: mlx-lm, `models/qwen3_next.py` and `models/qwen3_5.py`, `sanitize`.
enum MLXTensors {
    private static let suffixes = (values: ".weight", scales: ".scales", offsets: ".biases")

    /// The tensors of a checkpoint, those that belong together as one under the name of the weight.
    ///
    /// A matrix without scales is not quantised, whatever config.json says of all.
    static func merged(
        _ entries: [String: SafetensorsEntry], _ quantization: Quantization
    ) throws(WeightsError) -> [String: any CheckpointTensor] {
        var tensors: [String: any CheckpointTensor] = entries
        for (name, scales) in entries.sorted(by: { $0.key < $1.key }) where name.hasSuffix(suffixes.scales) {
            let path = String(name.dropLast(suffixes.scales.count))
            let weight = path + suffixes.values
            guard let form = quantization.form(of: weight) else {
                throw .malformed(
                    location: scales.location, expected: "none, as config.json has '\(path)' not quantised",
                    found: "scales")
            }
            let others = [weight] + (form.mode == .affine ? [path + suffixes.offsets] : [])
            let missing = others.filter { entries[$0] == nil }
            guard missing.isEmpty, let values = entries[weight] else {
                throw absence(of: missing, beside: name, scales)
            }
            tensors[name] = nil
            guard let offsets = entries[path + suffixes.offsets], form.mode == .affine else {
                tensors[weight] = try MicroscaledTensor(words: values, scales: scales)
                continue
            }
            tensors[path + suffixes.offsets] = nil
            tensors[weight] = try AffineTensor(values, scales: scales, offsets: offsets, form)
        }
        try checkScales(entries)
        return tensors
    }

    /// Refuses packed integers whose scales are missing.
    private static func checkScales(_ entries: [String: SafetensorsEntry]) throws(WeightsError) {
        for (name, entry) in entries.sorted(by: { $0.key < $1.key })
        where name.hasSuffix(suffixes.values) && entry.tensor.elementType == .unsigned32 {
            let scales = String(name.dropLast(suffixes.values.count)) + suffixes.scales
            guard entries[scales] == nil else { continue }
            throw absence(of: [scales], beside: name, entry)
        }
    }

    private static func absence(
        of names: [String], beside name: String, _ entry: SafetensorsEntry
    ) -> WeightsError {
        .absent(path: entry.file.path, what: "the tensors that belong to '\(name)':", names: names)
    }

    /// The tensors under the names, in the shapes and with the numbers of the reference.
    static func restored(
        _ tensors: [String: any CheckpointTensor], for blueprint: Blueprint
    ) throws(WeightsError) -> [String: any CheckpointTensor] {
        var restored: [String: any CheckpointTensor] = [:]
        for (stored, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let name = blueprint.referenceName(stored)
            if restored.updateValue(tensor, forKey: name) != nil {
                throw .malformed(
                    location: tensor.location, expected: "one tensor for '\(name)'", found: "another one too")
            }
        }
        let turned = try turnedConvolutions(restored, blueprint)
        guard !turned.isEmpty else { return restored }
        restored.merge(turned) { $1 }
        for norm in blueprint.norms where norm.addend == 1 {
            guard let stored = restored[norm.weight.name], let less = LessOneTensor(stored) else { continue }
            restored[norm.weight.name] = less
        }
        return restored
    }

    /// The convolutions, where they lie as mlx-lm has them: all of a checkpoint, or none.
    private static func turnedConvolutions(
        _ tensors: [String: any CheckpointTensor], _ blueprint: Blueprint
    ) throws(WeightsError) -> [String: any CheckpointTensor] {
        var turned: [String: any CheckpointTensor] = [:]
        var straight: (any CheckpointTensor)?
        for source in blueprint.weights.flatMap(\.sources) where source.shape.count == 3 && source.shape[1] == 1 {
            guard let tensor = tensors[source.name], source.shape[2] > 1 else { continue }
            if tensor.shape == [source.shape[0], source.shape[2], 1] {
                turned[source.name] = ReshapedTensor(tensor, shape: source.shape)
            } else if tensor.shape == source.shape {
                straight = tensor
            }
        }
        if let straight, !turned.isEmpty {
            let shape = [straight.shape[0], straight.shape[2], 1]
            throw .malformed(
                location: straight.location, expected: "a convolution of \(shape), as others of this checkpoint",
                found: "one of \(straight.shape)")
        }
        return turned
    }
}

/// A tensor in other dimensions, its elements where they were. They are read one by one.
private struct ReshapedTensor: CheckpointTensor {
    private let tensor: any CheckpointTensor
    let shape: [Int]

    init(_ tensor: any CheckpointTensor, shape: [Int]) { (self.tensor, self.shape) = (tensor, shape) }

    var byteCount: Int { tensor.byteCount }
    var location: String { tensor.location }
    var encoding: Encoding { get throws(WeightsError) { try tensor.encoding } }
    var vector: (any CheckpointTensor)? { tensor.vector }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let columns = shape[shape.count - 1]
        let elements = vector ?? tensor
        try unsafe elements.read(rows: rows.lowerBound * columns..<rows.upperBound * columns, into: parts)
    }
}

/// A vector whose numbers are one less than those that are stored, in float32: bf16 has not all of them.
private struct LessOneTensor: CheckpointTensor {
    private let tensor: any CheckpointTensor
    private let scalar: Scalar
    let shape: [Int]

    /// Nil for what is no vector of plain numbers.
    init?(_ tensor: any CheckpointTensor) {
        guard tensor.shape.count == 1, case .plain(let scalar)? = try? tensor.encoding else { return nil }
        (self.tensor, self.scalar, shape) = (tensor, scalar, tensor.shape)
    }

    var byteCount: Int { tensor.byteCount }
    var location: String { tensor.location }
    var encoding: Encoding { .f32 }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let stored = StagingBuffer(byteCount: rows.count * scalar.bytesPerElement)
        let bytes = unsafe stored.prefix(stored.byteCount)
        try unsafe tensor.read(rows: rows, into: [bytes])
        // What is no number is found again in what is read.
        _ = unsafe ElementConversion.convert(UnsafeRawBufferPointer(bytes), scalar, to: parts[0], .f32)
        let numbers = unsafe parts[0].assumingMemoryBound(to: Float.self)
        for index in numbers.indices { unsafe numbers[index] -= 1 }
    }
}
