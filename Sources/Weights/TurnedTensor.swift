import Blueprint

/// Members each of which is read the other way round: its rows as columns. Groups of columns would become groups of
/// rows, which no encoding has: the integers in them are widened.
struct TurnedTensor: CheckpointTensor {
    private let tensor: any CheckpointTensor
    private let rowsPerMember: Int
    private let columns: Int
    let encoding: Encoding
    let shape: [Int]

    init(_ tensor: JoinedTensor, members: Int) throws(WeightsError) {
        switch try tensor.encoding {
        case .plain(let scalar): (self.tensor, encoding) = (tensor, .plain(scalar))
        case .grouped(let grouping): (self.tensor, encoding) = (WidenedTensor(tensor, grouping), .f32)
        }
        rowsPerMember = tensor.shape[1]
        columns = tensor.shape[0] / members
        shape = [members * rowsPerMember, columns]
    }

    var byteCount: Int { tensor.byteCount }
    var location: String { tensor.location }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let size = unsafe parts[0].count / max(1, rows.count * columns)
        let space = StagingBuffer(byteCount: columns * rowsPerMember * size)
        let bytes = unsafe space.prefix(space.byteCount)
        for run in MemberRows.runs(of: rows, perMember: rowsPerMember) {
            try unsafe tensor.read(rows: run.member * columns..<(run.member + 1) * columns, into: [bytes])
            for column in 0..<columns {
                let first = (column * rowsPerMember + run.rows.lowerBound) * size
                unsafe run.fill(
                    parts[0], column: column, of: columns,
                    from: UnsafeRawBufferPointer(rebasing: bytes[first..<first + run.rows.count * size]))
            }
        }
    }
}

/// A tensor whose last two dimensions have changed places.
struct TransposedTensor: CheckpointTensor {
    private let entry: any CheckpointTensor
    let shape: [Int]

    /// Nil for elements that don't stand each by itself.
    init?(_ tensor: any CheckpointTensor) {
        guard let entry = tensor.vector else { return nil }
        self.entry = entry
        shape = JoinedTensor.transposed(entry.shape)
    }

    var byteCount: Int { entry.byteCount }
    var location: String { entry.location }
    var encoding: Encoding { get throws(WeightsError) { try entry.encoding } }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        let (rowsPerMember, columns) = (shape[shape.count - 2], shape[shape.count - 1])
        let size = unsafe parts[0].count / max(1, rows.count * columns)
        for run in MemberRows.runs(of: rows, perMember: rowsPerMember) {
            let space = StagingBuffer(byteCount: run.rows.count * size)
            let bytes = unsafe space.prefix(space.byteCount)
            for column in 0..<columns {
                let start = (run.member * columns + column) * rowsPerMember
                try unsafe entry.read(
                    rows: start + run.rows.lowerBound..<start + run.rows.upperBound, into: [bytes])
                unsafe run.fill(parts[0], column: column, of: columns, from: UnsafeRawBufferPointer(bytes))
            }
        }
    }
}

/// Those of the rows to read that belong to one member.
private struct MemberRows {
    let member: Int
    /// By their numbers in the member.
    let rows: Range<Int>
    /// Rows to read that come before them.
    let before: Int

    static func runs(of rows: Range<Int>, perMember: Int) -> [MemberRows] {
        var runs: [MemberRows] = []
        var row = rows.lowerBound
        while row < rows.upperBound {
            let (member, first) = row.quotientAndRemainder(dividingBy: perMember)
            let count = min(rows.upperBound - row, perMember - first)
            runs.append(MemberRows(member: member, rows: first..<first + count, before: row - rows.lowerBound))
            row += count
        }
        return runs
    }

    /// Puts the elements of one column, one for each of these rows, where they belong among all rows to read.
    func fill(
        _ part: UnsafeMutableRawBufferPointer, column: Int, of columns: Int, from elements: UnsafeRawBufferPointer
    ) {
        let size = elements.count / rows.count
        for number in 0..<rows.count {
            let to = ((before + number) * columns + column) * size
            unsafe UnsafeMutableRawBufferPointer(rebasing: part[to..<to + size]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: elements[number * size..<(number + 1) * size]))
        }
    }
}
