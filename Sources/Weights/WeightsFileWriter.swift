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
    private var tensors: [(info: TensorInfo, checksums: [Checksums])] = []
    private let partial: PartialFile
    private let file: HDF5File
    // For what is written past the library.
    private let data: OutputFile

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
        data = try OutputFile(path, named: destination)
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

    /// Begins a tensor: its datasets have their places in the file.
    func begin(_ info: TensorInfo) throws(WeightsError) -> TensorWriter {
        var starts: [Int] = []
        for part in info.parts { starts.append(try begin(part, of: info)) }
        return TensorWriter(info, starts: starts, file: data)
    }

    private func begin(_ part: StoredPart, of info: TensorInfo) throws(WeightsError) -> Int {
        let grid = part.grid
        let shape = info.shape.count == 1 ? [grid.rows] : [grid.rows, grid.columns]
        return try writing(destination) { () throws(HDF5Error) in
            let dataset = try file.root().openGroup(WeightsFormat.data(part.part)).createDataset(
                info.name, WeightsFormat.elementType(part.part, of: info.encoding), shape: shape,
                chunk: grid.isTiled ? [grid.rowsPerPanel, grid.columnsPerPanel] : nil)
            if part.part == .values, case .grouped(let grouping) = info.encoding {
                let attributes = try dataset.attributes()
                try attributes.set(WeightsFormat.bitsAttribute, to: grouping.bits)
                try attributes.set(WeightsFormat.groupSizeAttribute, to: grouping.size)
                try attributes.set(WeightsFormat.scaleAttribute, to: grouping.scale.rawValue)
                try attributes.set(WeightsFormat.offsetsAttribute, to: grouping.hasOffsets ? 1 : 0)
                try attributes.set(WeightsFormat.columnsAttribute, to: info.columns)
            }
            return try dataset.byteRange().lowerBound
        }
    }

    /// Completes a tensor, every row of which was written.
    mutating func end(_ tensor: TensorWriter) throws(WeightsError) {
        let checksums = tensor.checksums
        for (part, checksums) in zip(tensor.info.parts, checksums) {
            try writing(destination) { () throws(HDF5Error) in try end(part, of: tensor.info, checksums) }
        }
        tensors.append((tensor.info, checksums))
    }

    private func end(_ part: StoredPart, of info: TensorInfo, _ checksums: Checksums) throws(HDF5Error) {
        let (grid, shape) = (part.grid, [part.grid.panelsDown, part.grid.panelsAcross])
        let group = WeightsFormat.checksums(part.part)
        let attributes = try store(checksums.panels, group, info.name, shape).attributes()
        try attributes.set(WeightsFormat.rowsPerPanelAttribute, to: grid.rowsPerPanel)
        try attributes.set(WeightsFormat.columnsPerPanelAttribute, to: grid.columnsPerPanel)
        guard let rowsPerBand = grid.rowsPerBand else { return }
        try store(checksums.bands, WeightsFormat.bandChecksums(part.part), info.name, [grid.bandCount])
            .attributes().set(WeightsFormat.rowsPerBandAttribute, to: rowsPerBand)
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
