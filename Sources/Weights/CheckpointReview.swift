import Blueprint
import Compute

/// The checks that a checkpoint must pass before a byte of it is written anywhere.
struct CheckpointReview {
    /// A tensor to import.
    struct Item {
        let tensor: any CheckpointTensor
        let encoding: Encoding
        let converter: any RowConverter
        let info: TensorInfo
    }

    /// In the order of the blueprint.
    let items: [Item]
    /// Names of tensors that have no effect, in order.
    let ignored: [String]

    /// - Parameter instructionSet: what converts the tensors.
    init(
        _ checkpoint: Checkpoint, _ blueprint: Blueprint, _ encoding: ImportEncoding, _ instructionSet: InstructionSet
    ) throws(WeightsError) {
        let (tensors, fileName) = try checkpoint.tensors(for: blueprint)
        let weights = blueprint.weights
        let joined = try JoinedTensor.all(weights, tensors, of: checkpoint.reader, fileName)
        let others = Set(tensors.keys).subtracting(joined.used).sorted()
        let unexpected = others.filter { !blueprint.ignores($0) }
        if blueprint.quantization == nil, let scales = unexpected.first(where: { $0.hasSuffix(".scales") }) {
            throw .malformed(
                location: "\(checkpoint.path)/config.json", expected: "'quantization', as there is '\(scales)'",
                found: "none")
        }
        guard unexpected.isEmpty else {
            let names = unexpected.map { fileName($0) ?? $0 }
            throw .unexpectedTensors(path: checkpoint.path, names: names)
        }
        let encoding = try encoding.resolved(for: blueprint)
        var items: [Item] = []
        for weight in weights {
            guard let tensor = joined.tensors[weight.name] else { continue }
            items.append(try Self.item(weight, tensor, encoding, instructionSet))
        }
        self.items = items
        ignored = others.map { fileName($0) ?? $0 }
    }

    private static func item(
        _ weight: Weight, _ tensor: any CheckpointTensor, _ encoding: ImportEncoding.Resolved,
        _ instructionSet: InstructionSet
    ) throws(WeightsError) -> Item {
        let source = try tensor.encoding
        guard tensor.shape == weight.storedShape else {
            throw .shapeMismatch(location: tensor.location, found: tensor.shape, expected: weight.storedShape)
        }
        guard (1...2).contains(tensor.shape.count), !weight.name.contains("/"), weight.name != "." else {
            throw .malformed(
                location: tensor.location, expected: "a vector or matrix with a plain name", found: "\(tensor.shape)")
        }
        let target = encoding.encoding(of: source, weight)
        let converter = try RowConversion.checked(
            from: source, to: target, at: tensor.location, instructionSet: instructionSet)
        return Item(
            tensor: tensor, encoding: source, converter: converter, info: TensorInfo(weight, target))
    }
}
