import Glibc

/// A file in a process's address space, so that its bytes can be read where the system has them.
@safe final class FileMapping: @unchecked Sendable {
    private let start: UnsafeMutableRawPointer
    private let byteCount: Int

    // What is shorter takes longer to map than to copy.
    private static let leastByteCount = 1 << 16
    // The system may map all of a large page of its cache where a part is asked for: of no more bytes, a power of two.
    private static let largePageByteCount = 1 << 21

    /// Nil where the system doesn't map the file, or limits a process's addresses: the weights will need them.
    init?(_ descriptor: CInt, byteCount: Int) {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur == rlim_t.max,
            byteCount > 0, let start = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
            unsafe start != MAP_FAILED
        else { return nil }
        unsafe self.start = start
        self.byteCount = byteCount
    }

    /// Calls `body` with the bytes of a range where the system's cache has them, and takes them out of the process's
    /// memory after it.
    ///
    /// - Returns: nil where the system can't have them there.
    func withBytes<Result>(
        _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(WeightsError) -> Result
    ) throws(WeightsError) -> Result? {
        guard range.lowerBound >= 0, range.upperBound <= byteCount, range.count >= Self.leastByteCount else {
            return nil
        }
        let page = Self.largePageByteCount
        let first = range.lowerBound & ~(page - 1)
        let last = min(byteCount, (range.upperBound + page - 1) & ~(page - 1))
        defer { unsafe madvise(start + first, last - first, MADV_DONTNEED) }
        let near = range.lowerBound & ~(Self.leastByteCount - 1)
        // Where the file can't be read, or has become shorter, this fails: touching the bytes would end the process.
        guard unsafe madvise(start + near, range.upperBound - near, MADV_POPULATE_READ) == 0 else { return nil }
        return try unsafe body(UnsafeRawBufferPointer(start: start + range.lowerBound, count: range.count))
    }

    deinit { unsafe munmap(start, byteCount) }
}
