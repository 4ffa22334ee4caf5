/// What a GGUF file calls the tensors of a checkpoint, those too that it lacks.
struct GGUFNames: Sendable, Hashable {
    private let layersPath: String
    // By the checkpoint's names.
    private let layerParts: [String: String]
    private let layerTensors: [String: String]
    private let outerParts: [String: String]

    /// - Parameter tensors: those that the file has: of two names for one part, the one that some layer has is meant.
    init(_ family: GGUFFamily, tensors: some Sequence<String>) {
        let words = tensors.map { $0.split(separator: ".").map(String.init) }
        let present = Set(words.compactMap { $0.count > 2 ? $0[2] : nil })
        func inverted(_ names: [String: String]) -> [String: String] {
            Dictionary(names.map { ($1, $0) }) { first, second in
                present.contains(first) == present.contains(second)
                    ? min(first, second) : present.contains(first) ? first : second
            }
        }
        layersPath = family.layersPath + "."
        layerParts = inverted(family.layerParts)
        layerTensors = inverted(family.layerTensors)
        outerParts = inverted(family.outerParts)
    }

    /// The file's name of a checkpoint's tensor; nil where it has none.
    func name(of tensor: String) -> String? {
        guard tensor.hasPrefix(layersPath) else { return Self.name(of: tensor, in: outerParts) }
        let inLayers = tensor.dropFirst(layersPath.count)
        guard let dot = inLayers.firstIndex(of: "."), let layer = Int(inLayers[..<dot]) else { return nil }
        let inLayer = String(inLayers[inLayers.index(after: dot)...])
        return (layerTensors[inLayer] ?? Self.name(of: inLayer, in: layerParts)).map { "blk.\(layer).\($0)" }
    }

    private static func name(of tensor: String, in parts: [String: String]) -> String? {
        guard let dot = tensor.lastIndex(of: ".") else { return nil }
        return parts[String(tensor[..<dot])].map { $0 + tensor[dot...] }
    }
}
