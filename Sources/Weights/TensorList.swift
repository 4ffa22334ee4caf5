import Blueprint
import HDF5

/// The tensors of a weights file with their checksums, as its groups describe them.
struct TensorList: ~Copyable {
    private let path: String
    private let count: Int
    private let tensorGroup: HDF5Group
    private let checksumGroup: HDF5Group
    private let bandGroup: HDF5Group

    init(_ root: borrowing HDF5Group, path: String) throws(WeightsError) {
        let tensors = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.tensors) }
        let checksums = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.checksums) }
        let bands = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.bandChecksums) }
        count = try reading(path) { () throws(HDF5Error) in
            try root.attributes().integer(WeightsFormat.tensorCountAttribute)
        }
        self.path = path
        tensorGroup = tensors
        checksumGroup = checksums
        bandGroup = bands
    }

    /// Every tensor, in the order of the names.
    func tensors() throws(WeightsError) -> [WeightsContents.Tensor] {
        let names = try reading(path) { () throws(HDF5Error) in try tensorGroup.names() }
        let checked = try reading(path) { () throws(HDF5Error) in try checksumGroup.names() }
        if let missing = Set(names).symmetricDifference(checked).min() {
            let group = names.contains(missing) ? WeightsFormat.checksums : WeightsFormat.tensors
            throw .broken(path: path, reason: "no '\(missing)' among its \(group)")
        }
        guard names.count == count else {
            throw .broken(path: path, reason: "\(names.count) of its \(count) tensors")
        }
        var result: [WeightsContents.Tensor] = []
        result.reserveCapacity(names.count)
        for name in names { result.append(try tensor(name)) }
        return result
    }

    private func tensor(_ name: String) throws(WeightsError) -> WeightsContents.Tensor {
        let dataset = try reading(path) { () throws(HDF5Error) in try tensorGroup.openDataset(name) }
        let (rowsPerPanel, columnsPerPanel) = try reading(path) { () throws(HDF5Error) in
            let attributes = try checksumGroup.openDataset(name).attributes()
            return (
                try attributes.integer(WeightsFormat.rowsPerPanelAttribute),
                try attributes.integer(WeightsFormat.columnsPerPanelAttribute)
            )
        }
        let isTiled = dataset.chunk != nil
        let rowsPerBand = isTiled ? try rowsPerBand(name) : nil
        let shape = dataset.shape
        guard let encoding = WeightsFormat.encoding(dataset.elementType), (1...2).contains(shape.count),
            rowsPerPanel > 0, columnsPerPanel > 0, !isTiled || dataset.chunk == [rowsPerPanel, columnsPerPanel],
            rowsPerBand.map({ $0 > 0 && (rowsPerPanel % $0 == 0 || rowsPerPanel >= shape[0]) }) ?? true
        else { throw .broken(path: path, reason: "'\(name)' is not stored as a tensor is") }
        let info = TensorInfo(
            name: name, shape: shape, encoding: .plain(encoding),
            panels: PanelGrid(
                rows: shape[0], columns: shape.count == 2 ? shape[1] : 1, rowsPerPanel: rowsPerPanel,
                columnsPerPanel: columnsPerPanel, isTiled: isTiled, rowsPerBand: rowsPerBand))
        guard isTiled || columnsPerPanel >= info.columns else { throw misfit(name) }
        let panels = try words(checksumGroup, name, shape: [info.panels.panelsDown, info.panels.panelsAcross])
        let bands = isTiled ? try words(bandGroup, name, shape: [info.panels.bandCount]) : []
        return WeightsContents.Tensor(info: info, checksums: Checksums(panels: panels, bands: bands))
    }

    private func rowsPerBand(_ name: String) throws(WeightsError) -> Int {
        try reading(path) { () throws(HDF5Error) in
            try bandGroup.openDataset(name).attributes().integer(WeightsFormat.rowsPerBandAttribute)
        }
    }

    private func words(
        _ group: borrowing HDF5Group, _ name: String, shape: [Int]
    ) throws(WeightsError) -> [UInt64] {
        let dataset = try reading(path) { () throws(HDF5Error) in try group.openDataset(name) }
        guard dataset.elementType == .unsigned64, dataset.shape == shape else { throw misfit(name) }
        let bytes = try reading(path) { () throws(HDF5Error) in try dataset.readAll() }
        return unsafe bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map {
                UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
            }
        }
    }

    private func misfit(_ name: String) -> WeightsError {
        .broken(path: path, reason: "the checksums of '\(name)' do not fit it")
    }
}
