import Glibc

/// A file in a process's address space: its bytes are had out of the system's cache with less work than by reading.
@safe final class FileMapping: @unchecked Sendable {
    private let start: UnsafeMutableRawPointer
    private let byteCount: Int

    // What is shorter takes longer to map than to copy. A multiple of the system's pages, a power of two.
    private static let leastByteCount = 1 << 16
    // So much before and behind what is asked for the system may map with it: where its cache has large pages, or what
    // it takes for near.
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

    /// Fills `buffer` with the bytes from `offset` on, of which nothing else stays in the process's memory.
    ///
    /// A file that becomes shorter, or can't be read any more, while its bytes are copied ends the process.
    ///
    /// - Returns: false where the system can't have them there, or it would take longer than to read them.
    func copy(from offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        let end = offset + buffer.count
        guard offset >= 0, end <= byteCount, buffer.count >= Self.leastByteCount else { return false }
        let near = offset & ~(Self.leastByteCount - 1)
        let first = max(0, near - Self.largePageByteCount)
        let last = min(byteCount, end + Self.largePageByteCount)
        defer { unsafe madvise(start + first, last - first, MADV_DONTNEED) }
        // This fails, and does no harm, where the file has become shorter or can't be read.
        guard unsafe madvise(start + near, end - near, MADV_POPULATE_READ) == 0 else { return false }
        unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(start: start + offset, count: buffer.count))
        return true
    }

    deinit { unsafe munmap(start, byteCount) }
}
