import Blueprint

/// A weight that a checkpoint has in pieces: rows of several tensors, or some rows of one.
struct JoinedTensor: CheckpointTensor {
    /// Consecutive rows of a tensor.
    private struct Piece {
        let tensor: any CheckpointTensor
        let firstRow: Int
    }

    private let pieces: [Piece]  // [members]
    private let rowsPerPiece: Int
    let shape: [Int]

    /// The tensor of every weight, by the weight's name, and the names of the checkpoint's tensors that they use.
    ///
    /// - Throws: ``WeightsError`` for weights of which there are no tensors, and for tensors of another shape.
    static func all(
        _ weights: [Weight], _ tensors: [String: any CheckpointTensor], path: String
    ) throws(WeightsError) -> (tensors: [String: any CheckpointTensor], used: Set<String>) {
        var result: [String: any CheckpointTensor] = [:]
        var (used, missing) = (Set<String>(), [String]())
        for weight in weights {
            guard !weight.sources.isEmpty else {
                result[weight.name] = tensors[weight.name]
                used.insert(weight.name)
                if tensors[weight.name] == nil { missing.append(weight.name) }
                continue
            }
            let found = weight.sources.first { names($0, of: weight).allSatisfy { tensors[$0] != nil } }
            guard let found else {
                // Of the tensors that may serve, those of which there are some, or else the first.
                let begun = weight.sources.first { names($0, of: weight).contains { tensors[$0] != nil } }
                missing += names(begun ?? weight.sources[0], of: weight).filter { tensors[$0] == nil }
                continue
            }
            result[weight.name] = try JoinedTensor(weight, found, tensors)
            used.formUnion(names(found, of: weight))
        }
        guard missing.isEmpty else {
            throw .absent(path: path, what: "the tensors that config.json asks for:", names: missing)
        }
        return (result, used)
    }

    private static func names(_ source: Weight.Source, of weight: Weight) -> [String] {
        source.hasTensorPerMember ? (0..<weight.memberCount).map(source.name(ofMember:)) : [source.name]
    }

    private init(
        _ weight: Weight, _ source: Weight.Source, _ tensors: [String: any CheckpointTensor]
    ) throws(WeightsError) {
        // Rows of a member in a tensor of all, as the last but one dimension counts them.
        let stride = source.shape.count > 1 ? source.shape[source.shape.count - 2] : source.shape[0]
        var pieces: [Piece] = []
        for member in 0..<weight.memberCount {
            guard let tensor = tensors[source.name(ofMember: member)] else { continue }
            guard tensor.shape == source.shape else {
                throw .shapeMismatch(location: tensor.location, found: tensor.shape, expected: source.shape)
            }
            let offset = source.hasTensorPerMember ? 0 : member * stride
            pieces.append(Piece(tensor: tensor, firstRow: offset + source.firstRow))
        }
        self.pieces = pieces
        rowsPerPiece = weight.rows
        shape = weight.storedShape
    }

    var byteCount: Int {
        pieces.reduce(0) { total, piece in
            let rows = piece.tensor.shape.dropLast().reduce(1, *)
            return total + piece.tensor.byteCount / max(1, rows) * rowsPerPiece
        }
    }

    var location: String { pieces[0].tensor.location }

    var encoding: Encoding {
        get throws(WeightsError) {
            let encoding = try pieces[0].tensor.encoding
            for piece in pieces {
                let other = try piece.tensor.encoding
                guard other == encoding else {
                    throw .malformed(
                        location: piece.tensor.location, expected: "\(encoding.name), as the tensors beside it",
                        found: other.name)
                }
            }
            return encoding
        }
    }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let (number, inside) = row.quotientAndRemainder(dividingBy: rowsPerPiece)
            let count = min(rows.upperBound - row, rowsPerPiece - inside)
            let first = pieces[number].firstRow + inside
            let done = row - rows.lowerBound
            let places = unsafe parts.map { part in
                let rowByteCount = part.count / rows.count
                return unsafe UnsafeMutableRawBufferPointer(
                    rebasing: part[done * rowByteCount..<(done + count) * rowByteCount])
            }
            try unsafe pieces[number].tensor.read(rows: first..<first + count, into: places)
            row += count
        }
    }
}
