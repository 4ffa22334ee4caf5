import Blueprint

/// The checks that a checkpoint must pass before a byte of it is written anywhere.
struct CheckpointReview {
    /// A tensor to import.
    struct Item {
        let entry: Checkpoint.Entry
        let encoding: Scalar
        let info: TensorInfo
    }

    /// In the order of the blueprint.
    let items: [Item]
    /// Names of tensors that have no effect, in order.
    let ignored: [String]

    init(_ checkpoint: Checkpoint, _ blueprint: Blueprint, _ encoding: ImportEncoding) throws(WeightsError) {
        let weights = blueprint.weights
        let missing = weights.map(\.name).filter { checkpoint.entries[$0] == nil }
        guard missing.isEmpty else {
            throw .absent(path: checkpoint.path, what: "the tensors that config.json asks for:", names: missing)
        }
        let others = Set(checkpoint.entries.keys).subtracting(weights.map(\.name)).sorted()
        let unexpected = others.filter { !blueprint.ignores($0) }
        guard unexpected.isEmpty else { throw .unexpectedTensors(path: checkpoint.path, names: unexpected) }
        var items: [Item] = []
        for weight in weights {
            guard let entry = checkpoint.entries[weight.name] else { continue }
            items.append(try Self.item(weight, entry, encoding))
        }
        self.items = items
        ignored = others
    }

    private static func item(
        _ weight: Weight, _ entry: Checkpoint.Entry, _ encoding: ImportEncoding
    ) throws(WeightsError) -> Item {
        let tensor = entry.tensor
        guard let source = tensor.elementType.encoding else {
            throw .unsupportedElements(
                path: entry.part.path, tensor: tensor.name, found: tensor.elementType.rawValue)
        }
        guard tensor.shape == weight.shape else {
            throw .shapeMismatch(
                path: entry.part.path, tensor: tensor.name, found: tensor.shape, expected: weight.shape)
        }
        guard (1...2).contains(tensor.shape.count), !tensor.name.contains("/"), tensor.name != "." else {
            throw .malformed(
                location: entry.part.path, expected: "a vector or matrix with a plain name",
                found: "'\(tensor.name)' \(tensor.shape)")
        }
        let target = encoding.encoding(of: source, isVector: weight.isVector)
        let info = TensorInfo(
            name: weight.name, shape: weight.shape, encoding: target, panels: PanelGrid(weight, target))
        return Item(entry: entry, encoding: source, info: info)
    }
}
