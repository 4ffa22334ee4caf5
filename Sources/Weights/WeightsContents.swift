import Blueprint
import HDF5

/// What a weights file says about itself, read and checked in one go.
struct WeightsContents {
    struct Tensor {
        let info: TensorInfo
        let checksums: [UInt64]
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
        tensors = try Self.tensors(root, path: path)
        let computed = XXH64.text(
            WeightsFormat.modelHash(
                configuration: texts[.configuration] ?? "", tensors: tensors.map { ($0.info, $0.checksums) }))
        guard computed == modelHash else {
            throw .damaged(path: path, what: "the list of tensors", stored: modelHash, computed: computed)
        }
    }

    private static func checkVersion(_ root: borrowing HDF5Group, path: String) throws(WeightsError) {
        let version = try reading(path) { () throws(HDF5Error) -> Int? in
            let attributes = try root.attributes()
            guard try attributes.contains(WeightsFormat.versionAttribute) else { return nil }
            return try attributes.integer(WeightsFormat.versionAttribute)
        }
        guard let version else { throw .notWeightsFile(path: path, found: "an HDF5 file of another program") }
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

    private static func tensors(_ root: borrowing HDF5Group, path: String) throws(WeightsError) -> [Tensor] {
        let tensors = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.tensors) }
        let checksums = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.checksums) }
        let names = try reading(path) { () throws(HDF5Error) in try tensors.names() }
        let checked = try reading(path) { () throws(HDF5Error) in try checksums.names() }
        if let missing = Set(names).symmetricDifference(checked).min() {
            let group = names.contains(missing) ? WeightsFormat.checksums : WeightsFormat.tensors
            throw .broken(path: path, reason: "no '\(missing)' among its \(group)")
        }
        let count = try reading(path) { () throws(HDF5Error) in
            try root.attributes().integer(WeightsFormat.tensorCountAttribute)
        }
        guard names.count == count else {
            throw .broken(path: path, reason: "\(names.count) of its \(count) tensors")
        }
        var result: [Tensor] = []
        result.reserveCapacity(names.count)
        for name in names { result.append(try tensor(name, tensors, checksums, path: path)) }
        return result
    }

    private static func tensor(
        _ name: String, _ tensors: borrowing HDF5Group, _ checksums: borrowing HDF5Group, path: String
    ) throws(WeightsError) -> Tensor {
        let dataset = try reading(path) { () throws(HDF5Error) in try tensors.openDataset(name) }
        let sums = try reading(path) { () throws(HDF5Error) in try checksums.openDataset(name) }
        let (rowsPerPanel, columnsPerPanel) = try reading(path) { () throws(HDF5Error) in
            let attributes = try sums.attributes()
            return (
                try attributes.integer(WeightsFormat.rowsPerPanelAttribute),
                try attributes.integer(WeightsFormat.columnsPerPanelAttribute)
            )
        }
        let shape = dataset.shape
        guard let encoding = WeightsFormat.encoding(dataset.elementType), (1...2).contains(shape.count),
            rowsPerPanel > 0, columnsPerPanel > 0,
            dataset.chunk == nil || dataset.chunk == [rowsPerPanel, columnsPerPanel]
        else { throw .broken(path: path, reason: "'\(name)' is not stored as a tensor is") }
        let info = TensorInfo(
            name: name, shape: shape, encoding: encoding,
            panels: PanelGrid(
                rows: shape[0], columns: shape.count == 2 ? shape[1] : 1, rowsPerPanel: rowsPerPanel,
                columnsPerPanel: columnsPerPanel, isTiled: dataset.chunk != nil))
        guard info.panels.isTiled || columnsPerPanel >= info.columns, sums.elementType == .unsigned64,
            sums.shape == [info.panels.panelsDown, info.panels.panelsAcross]
        else { throw .broken(path: path, reason: "the checksums of '\(name)' do not fit it") }
        let bytes = try reading(path) { () throws(HDF5Error) in try sums.readAll() }
        return Tensor(info: info, checksums: words(bytes))
    }

    private static func words(_ bytes: [UInt8]) -> [UInt64] {
        unsafe bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map {
                UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
            }
        }
    }
}
