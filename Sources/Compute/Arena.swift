public import Blueprint
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

/// One rank's memory for weights, caches and activations: a single mapping, sized once, from which matrices, buffers
/// and vectors are cut.
///
/// Memory is zero, and no page is occupied before it is written or about to be. Everything cut from an arena keeps it
/// alive; nothing is given back before the last of them goes.
@safe public final class Arena: @unchecked Sendable {
    /// The bytes that the arena can hand out.
    public let capacity: Int

    private let mapping: UnsafeMutableRawBufferPointer
    private let base: UnsafeMutableRawPointer
    private let used = Mutex(0)

    /// Large pages are of this size; the arena starts at one.
    private static let largePage = 2 << 20
    /// MADV_POPULATE_WRITE, which glibc before 2.35 does not name.
    private static let populateWrite: CInt = 23
    private static let smallPage = Int(sysconf(CInt(_SC_PAGESIZE)))

    /// Reserves `byteCount` bytes of address space.
    ///
    /// Throws `ComputeError.noMemory` when the system refuses.
    public init(byteCount: Int) throws(ComputeError) {
        let (mapped, overflow) = byteCount.addingReportingOverflow(2 * Self.largePage)
        guard byteCount >= 0, !overflow else { throw .badShape("\(byteCount) bytes") }
        let start = unsafe mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let start = unsafe start, unsafe start != MAP_FAILED else {
            throw .noMemory(byteCount: byteCount, reason: unsafe String(cString: strerror(errno)))
        }
        capacity = byteCount
        unsafe mapping = UnsafeMutableRawBufferPointer(start: start, count: mapped)
        unsafe base = start.alignedUp(toMultipleOf: Self.largePage)
        #if os(Linux)
        // Only advice: without large pages everything works, with more misses of address translation.
        _ = unsafe madvise(base, mapped - Self.largePage, MADV_HUGEPAGE)
        #endif
    }

    deinit {
        _ = unsafe munmap(mapping.baseAddress, mapping.count)
    }

    /// The bytes handed out so far.
    public var usedByteCount: Int { used.withLock { $0 } }

    /// The bytes that a matrix takes, with the padding of its rows.
    ///
    /// - Parameter firstColumn: the place of column 0 in its weight; it matters to groups.
    public static func byteCount(rows: Int, columns: Int, encoding: Encoding, firstColumn: Int = 0) -> Int {
        encoding.memoryByteCount(rows: rows, columns: firstColumn..<firstColumn + columns)
    }

    /// The bytes that a buffer takes, which is one row in memory.
    public static func byteCount(rows: Int, columns: Int) -> Int { Scalar.f32.rowByteCount(rows * columns) }

    /// The bytes that a vector takes.
    public static func byteCount(vector count: Int) -> Int { byteCount(rows: 1, columns: count) }

    /// Cuts off a zero matrix; zero rows or columns are legal.
    ///
    /// - Parameter firstColumn: the place of column 0 in its weight; it matters to groups.
    ///
    /// Throws `ComputeError.arenaFull` when the arena has too little left, `.badShape` for a negative dimension.
    public func matrix(
        rows: Int, columns: Int, encoding: Encoding, firstColumn: Int = 0
    ) throws(ComputeError) -> Matrix {
        let shape = "a matrix of \(rows) x \(columns) \(encoding.name)"
        try Self.check([rows, columns], shape)
        var place = 0
        if case .grouped(let grouping) = encoding { place = firstColumn % grouping.period }
        let byteCount = Self.byteCount(rows: rows, columns: columns, encoding: encoding, firstColumn: place)
        let start = unsafe try take(byteCount, for: shape)
        return unsafe Matrix(
            start: start, rows: rows, columns: columns, encoding: encoding, firstColumn: place, arena: self)
    }

    /// Cuts off a zero buffer; zero rows or columns are legal.
    ///
    /// Throws `ComputeError.arenaFull` when the arena has too little left, `.badShape` for a negative dimension.
    public func buffer(rows: Int, columns: Int) throws(ComputeError) -> Buffer {
        let shape = "a buffer of \(rows) x \(columns) f32"
        try Self.check([rows, columns], shape)
        let start = unsafe try take(Self.byteCount(rows: rows, columns: columns), for: shape)
        return unsafe Buffer(
            start: start.assumingMemoryBound(to: Float.self), rows: rows, columns: columns, arena: self)
    }

    /// Cuts off a zero vector; zero elements are legal.
    ///
    /// Throws `ComputeError.arenaFull` when the arena has too little left, `.badShape` for a negative count.
    public func vector(count: Int) throws(ComputeError) -> Vector {
        Vector(buffer: try buffer(rows: 1, columns: count))
    }

    /// Has large pages found for bytes that are about to be written for the first time, their contents as they are.
    ///
    /// Linux clears a large page towards the place that was touched: what lies before it upwards, what lies behind it
    /// downwards. Upwards takes less time, on a Zen 4 30 % less, so the last place is the one to touch; writers touch
    /// the first.
    func occupyPages(from start: UnsafeRawPointer, byteCount: Int) {
        #if os(Linux)
        guard byteCount > 0 else { return }
        let offset = unsafe start - UnsafeRawPointer(base)
        for page in offset / Self.largePage...(offset + byteCount - 1) / Self.largePage {
            let last = unsafe base + (page + 1) * Self.largePage - Self.smallPage
            // Only advice: Linux before 5.14 has none of it, and the page is found when it is written.
            _ = unsafe madvise(last, Self.smallPage, Self.populateWrite)
        }
        #endif
    }

    /// The start of bytes that were handed out.
    func start(of range: Range<Int>) -> UnsafeRawPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= usedByteCount, "The bytes must be handed out.")
        return unsafe UnsafeRawPointer(base + range.lowerBound)
    }

    private func take(_ byteCount: Int, for what: String) throws(ComputeError) -> UnsafeMutableRawPointer {
        let offset = used.withLock { used -> Int? in
            guard byteCount <= capacity - used else { return nil }
            defer { used += byteCount }
            return used
        }
        guard let offset else {
            throw .arenaFull(what: what, byteCount: byteCount, usedByteCount: usedByteCount, capacity: capacity)
        }
        return unsafe base + offset
    }

    /// Refuses what the byte counts cannot be computed for.
    private static func check(_ dimensions: [Int], _ shape: String) throws(ComputeError) {
        let limit = Int.max >> 8
        let count = dimensions.reduce(1) { count, dimension in
            let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(dimension + 16, 1))
            return overflow ? Int.max : product
        }
        guard dimensions.allSatisfy({ $0 >= 0 && $0 < limit }), count < limit else { throw .badShape(shape) }
    }
}
