import Blueprint
import HDF5

/// Writes a weights file: texts, then tensors, then `finish`. Until then it has a temporary name; dropped, it is
/// removed.
struct WeightsFileWriter: ~Copyable {
    /// Where the model comes from.
    struct Origin {
        var programVersion: String
        var sourceName: String
        var sourceHash: UInt64
    }

    private let destination: String
    private var configuration = ""
    private var tensors: [(info: TensorInfo, checksums: Checksums)] = []
    private let partial: PartialFile
    private let file: HDF5File

    /// Begins a file.
    ///
    /// - Parameter byteCount: what it will hold; the disk must have the room.
    init(destination: String, expecting byteCount: Int) throws(WeightsError) {
        let partial = try PartialFile(destination: destination)
        let path = partial.path
        let file = try writing(destination) { () throws(HDF5Error) in try HDF5File(creating: path) }
        try partial.checkRoom(for: byteCount)
        try writing(destination) { () throws(HDF5Error) in
            let root = try file.root()
            for group in WeightsFormat.groups {
                _ = try root.createGroup(group)
            }
        }
        self.destination = destination
        self.partial = partial
        self.file = file
    }

    /// Stores a text verbatim, as bytes: texts are longer than some readers allow an attribute to be.
    mutating func add(_ kind: Checkpoint.Text, _ text: String) throws(WeightsError) {
        let bytes = Array(text.utf8)
        try writing(destination) { () throws(HDF5Error) in
            let files = try file.root().openGroup(WeightsFormat.files)
            let dataset = try files.createDataset(kind.rawValue, .unsigned8, shape: [bytes.count])
            try unsafe dataset.write(Hyperslab(0..<bytes.count), from: bytes.span.bytes)
            try dataset.attributes().set(WeightsFormat.textHashAttribute, to: XXH64.text(XXH64.hash(bytes)))
        }
        if kind == .configuration { configuration = text }
    }

    /// Begins a tensor.
    func begin(_ info: TensorInfo) throws(WeightsError) -> TensorWriter {
        let chunk = info.panels.isTiled ? [info.panels.rowsPerPanel, info.panels.columnsPerPanel] : nil
        let dataset = try writing(destination) { () throws(HDF5Error) in
            try file.root().openGroup(WeightsFormat.tensors).createDataset(
                info.name, WeightsFormat.elementType(info.scalar), shape: info.shape, chunk: chunk)
        }
        return TensorWriter(path: destination, info: info, dataset: dataset)
    }

    /// Completes a tensor, every panel of which was written.
    mutating func end(_ tensor: consuming TensorWriter) throws(WeightsError) {
        let (info, checksums) = (tensor.info, tensor.checksums)
        try writing(destination) { () throws(HDF5Error) in
            let shape = [info.panels.panelsDown, info.panels.panelsAcross]
            let attributes = try store(checksums.panels, WeightsFormat.checksums, info.name, shape).attributes()
            try attributes.set(WeightsFormat.rowsPerPanelAttribute, to: info.panels.rowsPerPanel)
            try attributes.set(WeightsFormat.columnsPerPanelAttribute, to: info.panels.columnsPerPanel)
            guard let rowsPerBand = info.panels.rowsPerBand else { return }
            try store(checksums.bands, WeightsFormat.bandChecksums, info.name, [info.panels.bandCount])
                .attributes().set(WeightsFormat.rowsPerBandAttribute, to: rowsPerBand)
        }
        tensors.append((info, checksums))
    }

    private func store(
        _ checksums: [UInt64], _ group: String, _ name: String, _ shape: [Int]
    ) throws(HDF5Error) -> HDF5Dataset {
        let words = checksums.map(\.littleEndian)
        let dataset = try file.root().openGroup(group).createDataset(name, .unsigned64, shape: shape)
        try unsafe dataset.write(Hyperslab(allOf: shape), from: words.span.bytes)
        return dataset
    }

    /// Completes the file and gives it its name.
    ///
    /// - Returns: the model's hash.
    consuming func finish(_ origin: Origin) throws(WeightsError) -> String {
        let hash = XXH64.text(WeightsFormat.modelHash(configuration: configuration, tensors: tensors))
        let (destination, tensorCount) = (destination, tensors.count)
        try writing(destination) { () throws(HDF5Error) in
            let attributes = try file.root().attributes()
            try attributes.set(WeightsFormat.versionAttribute, to: WeightsFormat.version)
            try attributes.set(WeightsFormat.programAttribute, to: origin.programVersion)
            try attributes.set(WeightsFormat.sourceAttribute, to: origin.sourceName)
            try attributes.set(WeightsFormat.sourceHashAttribute, to: XXH64.text(origin.sourceHash))
            try attributes.set(WeightsFormat.modelHashAttribute, to: hash)
            try attributes.set(WeightsFormat.tensorCountAttribute, to: tensorCount)
        }
        do { try file.close() } catch { throw wordingOfWriting(error, destination) }
        try partial.publish()
        return hash
    }
}
