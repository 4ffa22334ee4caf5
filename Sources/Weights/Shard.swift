public import Blueprint
public import Compute
public import Partition
import Synchronization

/// One rank's slices of a model, in memory.
///
/// A rank reads nothing else. Every thread of its pool reads, checks and lays out the rows that it will use, and what
/// slower ones have not begun when it has no more of its own.
public final class Shard {
    /// Bytes read from the file, panels at the borders of a slice included.
    public let byteCountRead: Int
    private let table: SliceTable

    // What all threads together may take beside the slices.
    private static let maximumSpaceByteCount = 40 << 20

    /// Reads the slices of a rank.
    ///
    /// - Parameters:
    ///   - arena: has room for ``byteCount(plan:rank:file:)``.
    ///   - pool: the threads that will compute with the weights.
    ///   - progress: is told on the caller's thread how many bytes have been read, and of how many.
    /// - Throws: ``WeightsError`` for a tensor that is missing, has another shape or is damaged, or a full arena.
    public init(
        file: WeightsFile, plan: Plan, rank: Int, arena: Arena, pool: Pool = Pool(threads: 1),
        progress: (_ byteCount: Int, _ totalByteCount: Int) -> Void = { _, _ in }
    ) throws(WeightsError) {
        var table = SliceTable()
        var (loaders, byteCountRead) = ([SliceLoader](), 0)
        // Side by side: each would be the first to touch a large page of a matrix, while one thread works.
        for weight in plan.blueprint.weights where weight.isVector {
            let info = try file.info(weight)
            table.vectors[weight.name] = try plan.memberSlices(of: weight, rank: rank).map {
                slice throws(WeightsError) in
                try Self.vector(info, slice, of: file, in: arena, &byteCountRead)
            }
        }
        for weight in plan.blueprint.weights where !weight.isVector {
            let (slices, info) = (plan.memberSlices(of: weight, rank: rank), try file.info(weight))
            let readers = try file.readers(of: weight.name)
            var matrices: [Matrix] = []
            for slice in slices {
                let matrix = try Self.placing { () throws(ComputeError) in
                    try arena.matrix(
                        rows: slice.heldRows, columns: slice.heldColumns, encoding: info.encoding,
                        firstColumn: slice.columns.lowerBound)
                }
                matrices.append(matrix)
                loaders.append(SliceLoader(readers, slice, into: matrix))
            }
            table.matrices[weight.name] = matrices
        }
        // What is begun last is to take little time: whoever has nothing left waits for it.
        loaders.sort { $0.byteCount > $1.byteCount }
        let total = loaders.reduce(0) { $0 + $1.byteCount }
        self.table = table
        self.byteCountRead = try byteCountRead + Self.load(loaders, on: pool) { progress($0, total) }
    }

    /// The slice of a weight of two dimensions, in the file's encoding.
    public func matrix(_ weight: Weight) -> Matrix { table.matrix(weight) }

    /// The slices of a weight of several members, of those that the rank holds.
    public func matrices(_ weight: Weight) -> [Matrix] { table.matrices(weight) }

    /// The slice of a weight of one dimension, in float32.
    public func vector(_ weight: Weight) -> Vector { table.vector(weight) }

    /// The slices of a weight of several members of one dimension, of those that the rank holds.
    public func vectors(_ weight: Weight) -> [Vector] { table.vectors(weight) }

    /// Bytes of an arena that holds a rank's slices.
    ///
    /// - Throws: ``WeightsError`` for a tensor that is missing or has another shape.
    public static func byteCount(plan: Plan, rank: Int, file: WeightsFile) throws(WeightsError) -> Int {
        var total = 0
        for weight in plan.blueprint.weights {
            let encoding = weight.isVector ? .f32 : try file.info(weight).encoding
            total += plan.arenaByteCount(of: weight, rank: rank, encoding: encoding)
        }
        return total
    }

    /// Fills all matrices, each thread its rows of one after the other: none waits while there are rows that nobody has
    /// begun.
    ///
    /// Rows and columns beyond a slice stay zero: they are the padding of a padded split.
    private static func load(
        _ loaders: [SliceLoader], on pool: Pool, progress: (Int) -> Void
    ) throws(WeightsError) -> Int {
        let spaces = ReadingSpaces(loaders, threads: pool.threads, maximumByteCount: maximumSpaceByteCount)
        let byteCount = Atomic(0)
        let failure = Mutex<WeightsError?>(nil)
        let isBroken = Atomic(false)
        withoutActuallyEscaping(progress) { progress in
            let reporter = Reporter(report: progress)
            let turns = LoadingTurns(matrices: loaders.count, threads: spaces.count)
            pool.run { thread in
                guard thread < spaces.count else { return }
                do throws(WeightsError) {
                    while !isBroken.load(ordering: .relaxed), let turn = turns.next(of: thread) {
                        try loaders[turn.matrix].load(owner: turn.owner, of: spaces.count, spaces[thread]) {
                            let done = byteCount.add($0, ordering: .relaxed).newValue
                            if thread == 0 { reporter.report(done) }
                            return !isBroken.load(ordering: .relaxed)
                        }
                    }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                    isBroken.store(true, ordering: .relaxed)
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return byteCount.load(ordering: .relaxed)
    }

    private static func vector(
        _ info: TensorInfo, _ slice: Slice, of file: WeightsFile, in arena: Arena, _ byteCountRead: inout Int
    ) throws(WeightsError) -> Vector {
        let vector = try Self.placing { () throws(ComputeError) in try arena.vector(count: slice.heldRows) }
        guard case .plain(let scalar) = info.encoding else {
            throw .broken(path: file.path, reason: "the vector '\(info.name)' is grouped")
        }
        var bytes = [UInt8](repeating: 0, count: scalar.byteCount(slice.rows.count))
        byteCountRead += try unsafe bytes.withUnsafeMutableBufferPointer { (buffer) throws(WeightsError) in
            try unsafe file.read(
                info.name, rows: slice.rows, columns: 0..<1, into: UnsafeMutableRawBufferPointer(buffer),
                rowByteStride: scalar.bytesPerElement)
        }
        vector.elements(0..<slice.rows.count).withMutableSpan { span in
            _ = unsafe span.withUnsafeMutableBytes { target in
                unsafe bytes.withUnsafeBytes { unsafe ElementConversion.convert($0, scalar, to: target, .f32) }
            }
        }
        return vector
    }

    private static func placing<Part>(_ body: () throws(ComputeError) -> Part) throws(WeightsError) -> Part {
        do { return try body() } catch { throw .noPlace(reason: error.description) }
    }
}

/// A function that only the caller's thread calls.
private struct Reporter: @unchecked Sendable {
    let report: (Int) -> Void
}

/// A space for each of as many threads as may have one; no other uses it.
private struct ReadingSpaces: @unchecked Sendable {
    private let spaces: [ReadingSpace]

    init(_ loaders: [SliceLoader], threads: Int, maximumByteCount: Int) {
        let parts = loaders.flatMap(\.parts)
        let windowByteCount = loaders.map(\.windowByteCount).max() ?? 0
        let first = ReadingSpace(for: parts, windowByteCount: windowByteCount)
        let count = max(1, min(threads, maximumByteCount / first.byteCount))
        spaces = [first] + (1..<count).map { _ in ReadingSpace(for: parts, windowByteCount: windowByteCount) }
    }

    var count: Int { spaces.count }

    subscript(thread: Int) -> ReadingSpace { spaces[thread] }
}

extension Plan {
    /// What a rank holds of each member of a weight, as it lies in the weights file: one member below the other.
    func memberSlices(of weight: Weight, rank: Int) -> [Slice] {
        slices(of: weight, rank: rank).flatMap { slice in
            slice.members.map { member in
                var stored = slice
                stored.members = 0..<1
                let start = member * weight.rows
                stored.rows = slice.rows.lowerBound + start..<slice.rows.upperBound + start
                return stored
            }
        }
    }

    /// Bytes of an arena that holds what a rank has of a weight, in an encoding.
    func arenaByteCount(of weight: Weight, rank: Int, encoding: Encoding) -> Int {
        slices(of: weight, rank: rank).reduce(0) { total, slice in
            let ofMember =
                weight.isVector
                ? Arena.byteCount(vector: slice.heldRows)
                : Arena.byteCount(
                    rows: slice.heldRows, columns: slice.heldColumns, encoding: encoding,
                    firstColumn: slice.columns.lowerBound)
            return total + slice.members.count * ofMember
        }
    }
}

extension WeightsFile {
    /// The stored form of a weight, after a check that it has the blueprint's shape.
    func info(_ weight: Weight) throws(WeightsError) -> TensorInfo {
        guard let info = tensor(weight.name) else { throw .unknownTensor(path: path, name: weight.name) }
        guard info.shape == weight.storedShape else {
            throw .shapeMismatch(
                location: "\(path): '\(weight.name)'", found: info.shape, expected: weight.storedShape)
        }
        return info
    }

    /// The encoding of each tensor by its name.
    public var encodings: [String: Encoding] {
        Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.encoding) })
    }
}
