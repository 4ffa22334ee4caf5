import Blueprint
import HDF5

/// The tensors of a weights file, as its groups describe them.
struct TensorList {
    private let path: String
    private let count: Int
    private let groups: [Grouping.Part: GroupsOfPart]

    init(_ root: borrowing HDF5Group, path: String) throws(WeightsError) {
        count = try reading(path) { () throws(HDF5Error) in
            try root.attributes().integer(WeightsFormat.tensorCountAttribute)
        }
        var groups: [Grouping.Part: GroupsOfPart] = [:]
        for part in Grouping.Part.allCases { groups[part] = try GroupsOfPart(part, in: root, path: path) }
        self.groups = groups
        self.path = path
    }

    /// Every tensor, in the order of the names.
    func tensors() throws(WeightsError) -> [WeightsContents.Tensor] {
        var names: [Grouping.Part: [String]] = [:]
        for (part, group) in groups { names[part] = try group.names() }
        let all = names[.values] ?? []
        guard all.count == count else { throw .broken(path: path, reason: "\(all.count) of its \(count) tensors") }
        let held = names.mapValues { Set($0) }
        var result: [WeightsContents.Tensor] = []
        result.reserveCapacity(count)
        for name in all { result.append(try tensor(name, held)) }
        return result
    }

    private func tensor(
        _ name: String, _ held: [Grouping.Part: Set<String>]
    ) throws(WeightsError) -> WeightsContents.Tensor {
        let (encoding, shape) = try group(.values).description(of: name)
        for (part, names) in held where names.contains(name) != encoding.parts.contains(part) {
            let group = WeightsFormat.data(part)
            throw .broken(path: path, reason: "\(names.contains(name) ? "" : "no ")'\(name)' among its \(group)")
        }
        var (parts, contents) = ([StoredPart](), [WeightsContents.PartContents]())
        for part in encoding.parts {
            let (stored, content) = try group(part).part(name, encoding, shape)
            parts.append(stored)
            contents.append(content)
        }
        let info = TensorInfo(name: name, shape: shape, encoding: encoding, parts: parts)
        return WeightsContents.Tensor(info: info, parts: contents)
    }

    private func group(_ part: Grouping.Part) -> GroupsOfPart {
        guard let group = groups[part] else { preconditionFailure("Every part has its groups.") }
        return group
    }
}

/// The groups that hold one part of all tensors.
private final class GroupsOfPart {
    private let path: String
    private let part: Grouping.Part
    private let data: HDF5Group
    private let checksums: HDF5Group
    private let bands: HDF5Group

    init(_ part: Grouping.Part, in root: borrowing HDF5Group, path: String) throws(WeightsError) {
        self.path = path
        self.part = part
        data = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.data(part)) }
        checksums = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.checksums(part)) }
        bands = try reading(path) { () throws(HDF5Error) in try root.openGroup(WeightsFormat.bandChecksums(part)) }
    }

    /// The tensors that have this part, each with checksums.
    func names() throws(WeightsError) -> [String] {
        let names = try reading(path) { () throws(HDF5Error) in try data.names() }
        let checked = try reading(path) { () throws(HDF5Error) in try checksums.names() }
        if let missing = Set(names).symmetricDifference(checked).min() {
            let group = names.contains(missing) ? WeightsFormat.checksums(part) : WeightsFormat.data(part)
            throw .broken(path: path, reason: "no '\(missing)' among its \(group)")
        }
        return names
    }

    /// How a tensor is stored, from its values: their type or, of grouped ones, attributes.
    func description(of name: String) throws(WeightsError) -> (encoding: Encoding, shape: [Int]) {
        let dataset = try reading(path) { () throws(HDF5Error) in try data.openDataset(name) }
        guard (1...2).contains(dataset.shape.count) else { throw misfit(name) }
        if let scalar = WeightsFormat.scalar(dataset.elementType) { return (.plain(scalar), dataset.shape) }
        guard dataset.elementType == .unsigned8, dataset.shape.count == 2 else { throw misfit(name) }
        let (bits, size, scale, offsets, columns) = try reading(path) { () throws(HDF5Error) in
            let attributes = try dataset.attributes()
            return (
                try attributes.integer(WeightsFormat.bitsAttribute),
                try attributes.integer(WeightsFormat.groupSizeAttribute),
                try attributes.text(WeightsFormat.scaleAttribute),
                try attributes.integer(WeightsFormat.offsetsAttribute),
                try attributes.integer(WeightsFormat.columnsAttribute)
            )
        }
        guard let scale = Grouping.Scale(rawValue: scale), (0...1).contains(offsets), columns > 0,
            let grouping = Grouping(bits: bits, size: size, scale: scale, hasOffsets: offsets == 1)
        else { throw misfit(name) }
        return (.grouped(grouping), [dataset.shape[0], columns])
    }

    /// A tensor's array, with its checksums.
    func part(
        _ name: String, _ encoding: Encoding, _ shape: [Int]
    ) throws(WeightsError) -> (StoredPart, WeightsContents.PartContents) {
        let dataset = try reading(path) { () throws(HDF5Error) in try data.openDataset(name) }
        let columns = encoding.columns(of: part, in: 0..<(shape.count > 1 ? shape[1] : 1)).count
        guard dataset.elementType == WeightsFormat.elementType(part, of: encoding),
            dataset.shape == (shape.count > 1 ? [shape[0], columns] : shape)
        else { throw misfit(name) }
        let grid = try grid(name, rows: shape[0], columns: columns, chunk: dataset.chunk)
        let stored = StoredPart(part: part, grid: grid, bytesPerElement: encoding.bytesPerElement(of: part))
        let range = try reading(path) { () throws(HDF5Error) in try dataset.byteRange() }
        guard range.count == stored.storedByteCount else { throw misfit(name) }
        let panels = try words(checksums, name, shape: [grid.panelsDown, grid.panelsAcross])
        let bands = grid.isTiled ? try words(bands, name, shape: [grid.bandCount]) : []
        return (stored, .init(checksums: Checksums(panels: panels, bands: bands), start: range.lowerBound))
    }

    private func grid(
        _ name: String, rows: Int, columns: Int, chunk: [Int]?
    ) throws(WeightsError) -> PanelGrid {
        let (rowsPerPanel, columnsPerPanel, rowsPerBand) = try reading(path) { () throws(HDF5Error) in
            let attributes = try checksums.openDataset(name).attributes()
            return (
                try attributes.integer(WeightsFormat.rowsPerPanelAttribute),
                try attributes.integer(WeightsFormat.columnsPerPanelAttribute),
                try chunk.map { _ throws(HDF5Error) in
                    try bands.openDataset(name).attributes().integer(WeightsFormat.rowsPerBandAttribute)
                }
            )
        }
        // Bands must not reach over tiles.
        guard rowsPerPanel > 0, columnsPerPanel > 0, chunk.map({ $0 == [rowsPerPanel, columnsPerPanel] }) ?? true,
            chunk != nil || columnsPerPanel == max(1, columns),
            rowsPerBand.map({ $0 > 0 && (rowsPerPanel % $0 == 0 || rowsPerPanel >= rows) }) ?? true
        else { throw misfit(name) }
        return PanelGrid(
            rows: rows, columns: columns, rowsPerPanel: rowsPerPanel, columnsPerPanel: columnsPerPanel,
            isTiled: chunk != nil, rowsPerBand: rowsPerBand)
    }

    private func words(
        _ group: borrowing HDF5Group, _ name: String, shape: [Int]
    ) throws(WeightsError) -> [UInt64] {
        let dataset = try reading(path) { () throws(HDF5Error) in try group.openDataset(name) }
        guard dataset.elementType == .unsigned64, dataset.shape == shape else {
            throw .broken(path: path, reason: "the checksums of '\(name)' do not fit it")
        }
        let bytes = try reading(path) { () throws(HDF5Error) in try dataset.readAll() }
        return unsafe bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map {
                UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
            }
        }
    }

    private func misfit(_ name: String) -> WeightsError {
        .broken(path: path, reason: "'\(name)' is not stored as a tensor is")
    }
}
