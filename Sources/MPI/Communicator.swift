internal import CMPI

/// A set of ranks that take part in collectives together.
///
/// Every collective must be called by all ranks of the communicator, in the same order. Not Sendable: MPI stays on one
/// thread.
@safe public final class Communicator {
    /// This rank's number here, from 0.
    public let rank: Int

    /// The number of ranks.
    public let size: Int

    /// The name of this rank's host.
    public var host: String { hosts[rank] }

    /// The names of all ranks' hosts, in rank order.
    public let hosts: [String]  // [ranks]

    /// Ends the job when it makes no progress; one for the whole job.
    public let watchdog: Watchdog

    /// What the collectives have carried since the start or since it was last set to `Traffic()`.
    ///
    /// Counts broadcasts, reductions, gathers and barriers; not the exchanges of `gatherStrings`, `requireSame`,
    /// `together`, `split`.
    public var traffic = Traffic()

    /// Is told of every collective, where somebody measures.
    public var observer: (any CollectiveObserver)?

    /// The most elements that one call of MPI is given, the same on all ranks; tests lower it to see vectors sent in
    /// pieces.
    package var largestPiece = Int(Int32.max)

    /// Where its ranks add vectors up, if they share memory; first asked for by all of them.
    private(set) lazy var sharedBoard = unsafe SharedBoard(handle, rank: rank, ranks: size)

    /// The longest vector of floats that is added up there, in elements, the same on all ranks; lowered to see what
    /// longer sums take elsewhere.
    package lazy var longestSharedSum = SharedBoard.longestSum(ranks: size)

    /// Whether vectors of floats are added up in shared memory; to be asked on every rank.
    package var sumsInSharedMemory: Bool { size > 1 && sharedBoard != nil }

    let handle: MPI_Comm

    /// The rank in the whole job of this communicator's rank 0: who prints what all agree on.
    let reporter: Int

    private let worldRank: Int

    init(_ handle: MPI_Comm, worldRank: Int, watchdog: Watchdog) throws(MPIError) {
        unsafe self.handle = unsafe handle
        self.watchdog = watchdog
        var rank: Int32 = 0
        var size: Int32 = 0
        try check("MPI_Comm_set_errhandler", unsafe MPI_Comm_set_errhandler(handle, cmpi_errors_return()))
        try check("MPI_Comm_rank", unsafe MPI_Comm_rank(handle, &rank))
        try check("MPI_Comm_size", unsafe MPI_Comm_size(handle, &size))
        self.rank = Int(rank)
        self.size = Int(size)
        var reporter = Int64(worldRank)
        try check("MPI_Bcast", unsafe MPI_Bcast(&reporter, 1, Int64.datatype, 0, handle))
        self.reporter = Int(reporter)
        hosts = try unsafe exchangeStrings(processorName(), handle, size: Int(size))
        self.worldRank = worldRank
    }

    /// Makes a communicator for each colour, of the ranks that pass it, ordered by key and then by rank.
    ///
    /// It lives as long as the job. Corresponds to `MPI_Comm_split`.
    public func split(color: Int, key: Int) throws(MPIError) -> Communicator {
        guard let color = Int32(exactly: color), color >= 0, let key = Int32(exactly: key) else {
            preconditionFailure("a colour is not negative, and both colour and key fit in 32 bits")
        }
        return try unsafe derived("MPI_Comm_split") { part in unsafe MPI_Comm_split(handle, color, key, &part) }
    }

    /// Makes a communicator of the ranks that share this rank's host.
    ///
    /// It lives as long as the job. Corresponds to `MPI_Comm_split_type` with `MPI_COMM_TYPE_SHARED`.
    public func ranksOfThisHost() throws(MPIError) -> Communicator {
        try unsafe derived("MPI_Comm_split_type") { part in
            unsafe MPI_Comm_split_type(handle, Int32(MPI_COMM_TYPE_SHARED), 0, cmpi_info_null(), &part)
        }
    }

    private func derived(
        _ function: StaticString, _ make: (inout MPI_Comm?) -> Int32
    ) throws(MPIError) -> Communicator {
        var part: MPI_Comm?
        watchdog.arrive()
        defer { watchdog.leave() }
        try check(function, unsafe make(&part))
        guard let part = unsafe part else { throw .call(function: "\(function)", reason: "no communicator") }
        return try unsafe Communicator(part, worldRank: worldRank, watchdog: watchdog)
    }
}

private func processorName() throws(MPIError) -> String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_PROCESSOR_NAME) + 1)
    var length: Int32 = 0
    let code = unsafe text.withUnsafeMutableBufferPointer { buffer in
        unsafe MPI_Get_processor_name(buffer.baseAddress, &length)
    }
    try check("MPI_Get_processor_name", code)
    return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Gives every rank the texts of all, in rank order.
func exchangeStrings(_ text: String, _ handle: MPI_Comm, size: Int) throws(MPIError) -> [String] {
    var bytes = Array(text.utf8)
    var length = Int64(bytes.count)
    var lengths = [Int64](repeating: 0, count: size)
    try check(
        "MPI_Allgather",
        unsafe MPI_Allgather(&length, 1, Int64.datatype, &lengths, 1, Int64.datatype, handle))
    let parts = Parts(counts: lengths.map { Int($0) })
    try parts.requireNarrow("MPI_Allgatherv")
    var whole = [UInt8](repeating: 0, count: parts.total)
    try check(
        "MPI_Allgatherv",
        unsafe MPI_Allgatherv(
            &bytes, Int32(bytes.count), UInt8.datatype, &whole, parts.narrowCounts, parts.narrowOffsets,
            UInt8.datatype, handle))
    return (0..<size).map { String(decoding: whole[parts.range(of: $0)], as: UTF8.self) }
}
