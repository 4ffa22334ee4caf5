import Blueprint
import HDF5

/// What a weights file says about itself, read and checked in one go.
struct WeightsContents {
    /// One array of a tensor: what is known of it but its elements.
    struct PartContents {
        let checksums: Checksums
        /// The file's byte at which it begins.
        let start: Int
    }

    struct Tensor {
        let info: TensorInfo
        let parts: [PartContents]
    }

    let programVersion: String
    let sourceName: String
    let sourceHash: String
    let modelHash: String
    let texts: [Checkpoint.Text: String]
    let tensors: [Tensor]

    init(_ file: borrowing HDF5File, path: String) throws(WeightsError) {
        let root = try reading(path) { () throws(HDF5Error) in try file.root() }
        try Self.checkVersion(root, path: path)
        programVersion = try Self.text(root, WeightsFormat.programAttribute, path)
        sourceName = try Self.text(root, WeightsFormat.sourceAttribute, path)
        sourceHash = try Self.text(root, WeightsFormat.sourceHashAttribute, path)
        modelHash = try Self.text(root, WeightsFormat.modelHashAttribute, path)
        texts = try Self.texts(root, path: path)
        tensors = try TensorList(root, path: path).tensors()
        let computed = XXH64.text(
            WeightsFormat.modelHash(
                configuration: texts[.configuration] ?? "",
                tensors: tensors.map { ($0.info, $0.parts.map(\.checksums)) }))
        guard computed == modelHash else {
            throw .damaged(path: path, what: "the list of tensors", stored: modelHash, computed: computed)
        }
    }

    private static func checkVersion(_ root: borrowing HDF5Group, path: String) throws(WeightsError) {
        let (version, hasLogits) = try reading(path) { () throws(HDF5Error) -> (Int?, Bool) in
            let attributes = try root.attributes()
            guard try attributes.contains(WeightsFormat.versionAttribute) else {
                return (nil, try root.contains(LogitsFile.logitsName))
            }
            return (try attributes.integer(WeightsFormat.versionAttribute), false)
        }
        guard let version else {
            throw .notWeightsFile(path: path, found: hasLogits ? "a file of logits" : "an HDF5 file of another program")
        }
        guard version == WeightsFormat.version else {
            throw .otherVersion(path: path, found: version, known: WeightsFormat.version)
        }
    }

    private static func text(
        _ root: borrowing HDF5Group, _ name: String, _ path: String
    ) throws(WeightsError) -> String {
        try reading(path) { () throws(HDF5Error) in try root.attributes().text(name) }
    }

    private static func texts(
        _ root: borrowing HDF5Group, path: String
    ) throws(WeightsError) -> [Checkpoint.Text: String] {
        let files = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.files) }
        let names = try reading(path) { () throws(HDF5Error) in try files.names() }
        guard names.contains(Checkpoint.Text.configuration.rawValue) else {
            throw .broken(path: path, reason: "no config.json in it")
        }
        var texts: [Checkpoint.Text: String] = [:]
        for text in Checkpoint.Text.allCases where names.contains(text.rawValue) {
            let (bytes, stored) = try reading(path) { () throws(HDF5Error) in
                let dataset = try files.openDataset(text.rawValue)
                return (try dataset.readAll(), try dataset.attributes().text(WeightsFormat.textHashAttribute))
            }
            let computed = XXH64.text(XXH64.hash(bytes))
            guard computed == stored, let string = String(validating: bytes, as: UTF8.self) else {
                throw .damaged(path: path, what: text.rawValue, stored: stored, computed: computed)
            }
            texts[text] = string
        }
        return texts
    }
}
