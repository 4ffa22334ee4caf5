import Blueprint

/// A weight that a checkpoint has in pieces: rows of several tensors, or some rows of one.
struct JoinedTensor: CheckpointTensor {
    private let tensors: [any CheckpointTensor]  // one, or one for each member
    /// Rows of the tensors from one member to the next; 0 where each has a tensor.
    private let memberStride: Int
    private let rowsPerMember: Int
    private let rowsPerGroup: Int
    /// Rows of the tensors from one group to the next.
    private let groupStride: Int
    private let runs: [Weight.Source.Run]
    let shape: [Int]

    /// The tensor of every weight, by the weight's name, and the names of the checkpoint's tensors that they use.
    ///
    /// - Parameters:
    ///   - reader: what has the tensors.
    ///   - fileName: what its files call the tensor of a name; nil where they can't have it.
    /// - Throws: ``WeightsError`` for weights of which there are no tensors, and for tensors of another shape.
    static func all(
        _ weights: [Weight], _ tensors: [String: any CheckpointTensor], of reader: any CheckpointReader,
        _ fileName: (String) -> String?
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
                // Of the tensors that may serve, those of which there are some, or else the first that there may be.
                let begun = weight.sources.first { names($0, of: weight).contains { tensors[$0] != nil } }
                let possible = weight.sources.first { source in
                    names(source, of: weight).allSatisfy { fileName($0) != nil }
                }
                missing += names(begun ?? possible ?? weight.sources[0], of: weight).filter { tensors[$0] == nil }
                continue
            }
            result[weight.name] = try tensor(weight, found, tensors)
            used.formUnion(names(found, of: weight))
        }
        guard missing.isEmpty else {
            throw .absent(
                path: reader.path, what: "the tensors that \(reader.configurationName) asks for:",
                names: missing.map { fileName($0) ?? $0 })
        }
        return (result, used)
    }

    private static func tensor(
        _ weight: Weight, _ source: Weight.Source, _ known: [String: any CheckpointTensor]
    ) throws(WeightsError) -> any CheckpointTensor {
        guard source.transposesRuns else { return try JoinedTensor(weight, source, known) }
        let before = Weight(weight.name, [weight.columns, weight.rows], members: weight.members)
        return try TurnedTensor(JoinedTensor(before, source, known), members: weight.memberCount)
    }

    private static func names(_ source: Weight.Source, of weight: Weight) -> [String] {
        source.hasTensorPerMember ? (0..<weight.memberCount).map(source.name(ofMember:)) : [source.name]
    }

    private init(
        _ weight: Weight, _ source: Weight.Source, _ known: [String: any CheckpointTensor]
    ) throws(WeightsError) {
        var tensors: [any CheckpointTensor] = []
        for name in Self.names(source, of: weight) {
            guard let tensor = known[name] else { continue }
            let (found, expected) = (tensor.shape, source.shape)
            guard found == expected else {
                throw .shapeMismatch(location: tensor.location, found: found, expected: expected)
            }
            tensors.append(try Self.formed(tensor, source, weight))
        }
        self.tensors = tensors
        // A tensor of all members counts them first.
        let dimensions = source.isTransposed ? Self.transposed(source.shape) : source.shape
        let rows = (weight.isVector ? dimensions : dimensions.dropLast()).reduce(1, *)
        let inTensor = source.hasTensorPerMember ? rows : rows / weight.memberCount
        memberStride = source.hasTensorPerMember ? 0 : inTensor
        rowsPerMember = weight.rows
        rowsPerGroup = weight.rows / source.groupCount
        groupStride = inTensor / source.groupCount
        runs = source.runs.isEmpty ? [Weight.Source.Run(0, weight.rows / source.groupCount)] : source.runs
        shape = weight.storedShape
    }

    /// The tensor with rows as the weight counts them.
    private static func formed(
        _ tensor: any CheckpointTensor, _ source: Weight.Source, _ weight: Weight
    ) throws(WeightsError) -> any CheckpointTensor {
        let isVector = weight.isVector && source.shape.count > 1
        guard source.isTransposed || isVector else { return tensor }
        let formed: (any CheckpointTensor)? = source.isTransposed ? TransposedTensor(tensor) : tensor.vector
        guard let formed else {
            throw .malformed(
                location: tensor.location, expected: "plain numbers of type F32, F16 or BF16", found: "packed ones")
        }
        return formed
    }

    static func transposed(_ shape: [Int]) -> [Int] {
        Array(shape.dropLast(2)) + [shape[shape.count - 1], shape[shape.count - 2]]
    }

    var byteCount: Int {
        let rows = shape[0]
        let all = tensors.reduce(0) { $0 + Self.rowCount($1, isVector: shape.count == 1) }
        return tensors.reduce(0) { $0 + $1.byteCount } / max(1, all) * rows
    }

    private static func rowCount(_ tensor: any CheckpointTensor, isVector: Bool) -> Int {
        (isVector ? tensor.shape : tensor.shape.dropLast()).reduce(1, *)
    }

    var location: String { tensors[0].location }

    var encoding: Encoding {
        get throws(WeightsError) {
            let encoding = try tensors[0].encoding
            for tensor in tensors {
                let other = try tensor.encoding
                guard other == encoding else {
                    throw .malformed(
                        location: tensor.location, expected: "\(encoding.name), as the tensors beside it",
                        found: other.name)
                }
            }
            return encoding
        }
    }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let place = place(of: row, atMost: rows.upperBound - row)
            let done = row - rows.lowerBound
            let places = unsafe parts.map { part in
                let rowByteCount = part.count / rows.count
                return unsafe UnsafeMutableRawBufferPointer(
                    rebasing: part[done * rowByteCount..<(done + place.count) * rowByteCount])
            }
            try unsafe Self.read(place, into: places)
            row += place.count
        }
    }

    /// Rows of a tensor that follow each other in the weight.
    private struct Place {
        var tensor: any CheckpointTensor
        var first: Int
        var count: Int
        var step: Int
    }

    private func place(of row: Int, atMost most: Int) -> Place {
        let (member, ofMember) = row.quotientAndRemainder(dividingBy: rowsPerMember)
        let (group, inGroup) = ofMember.quotientAndRemainder(dividingBy: rowsPerGroup)
        var (inRun, number) = (inGroup, 0)
        while inRun >= runs[number].count {
            inRun -= runs[number].count
            number += 1
        }
        let run = runs[number]
        return Place(
            tensor: tensors[memberStride == 0 && tensors.count > 1 ? member : 0],
            first: member * memberStride + group * groupStride + run.first + inRun * run.step,
            count: min(most, run.count - inRun), step: run.step)
    }

    private static func read(_ place: Place, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        guard place.step > 1, place.count > 1 else {
            return try unsafe place.tensor.read(rows: place.first..<place.first + place.count, into: parts)
        }
        // What lies between is read too, and left out.
        let covered = (place.count - 1) * place.step + 1
        let spaces = unsafe parts.map { StagingBuffer(byteCount: $0.count / place.count * covered) }
        try unsafe place.tensor.read(
            rows: place.first..<place.first + covered, into: spaces.map { unsafe $0.prefix($0.byteCount) })
        for index in 0..<spaces.count {
            let (part, space) = unsafe (parts[index], spaces[index])
            let rowByteCount = part.count / place.count
            for number in 0..<place.count {
                let from = number * place.step * rowByteCount
                unsafe UnsafeMutableRawBufferPointer(
                    rebasing: part[number * rowByteCount..<(number + 1) * rowByteCount]
                ).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: space.prefix(space.byteCount)[from..<from + rowByteCount]))
            }
        }
    }
}
