public import Blueprint
internal import CKernels

/// Everything that a step computes, on one pool of threads.
///
/// No operation allocates, and none fails: shapes are the caller's promise, checked by preconditions. Exact operations
/// give every output element the same bits for any number of tokens, rows and threads and on every instruction set.
/// Zero tokens, rows, columns and heads are legal and do nothing; a product over zero columns is zero.
public struct Operations: Sendable {
    /// The threads that share the work.
    public let pool: Pool
    /// The instructions that kernels use.
    public let instructionSet: InstructionSet
    /// Whether the canonical kernels compute everything.
    ///
    /// When not, products may round their input, or be OpenBLAS's where that is faster. Their bits then depend on the
    /// machine, the threads and the tokens: what ranks must agree on to the last bit is computed by ``exact``.
    public private(set) var isExact: Bool

    private(set) var openBLAS: OpenBLAS?
    let tiles: TiledProducts?
    private(set) var rounding: Rounding?
    let slowdown: Slowdown?
    /// How products of one token and attention read memory: `lockstep_fetching` of the header.
    let fetching = lockstep_fetching()

    /// Operations on a pool, with one instruction set.
    ///
    /// For products of many tokens they take 9 MB, and 0.4 MB for each thread of the pool, with AVX2; inexact ones in
    /// plain C and with NEON take 2 MiB for each thread, for OpenBLAS.
    ///
    /// - Parameters:
    ///   - math: how much products may round; exact operations are always precise.
    ///   - rounded: for fast math, where products round their input to: at least `Math.roundedByteCount` bytes of it
    ///     for every token.
    ///   - slowdown: makes the machine look slow; nil for its own speed.
    public init(
        pool: Pool, instructionSet: InstructionSet, isExact: Bool = true, math: Math = .precise, rounded: Buffer? = nil,
        slowdown: Slowdown? = nil
    ) {
        self.init(
            pool: pool, instructionSet: instructionSet, isExact: isExact, math: math, rounded: rounded,
            dot: DotProduct.best(for: instructionSet), slowdown: slowdown)
    }

    /// The same with the instructions that multiply rounded input; nil where none of them is faster.
    package init(
        pool: Pool, instructionSet: InstructionSet, isExact: Bool, math: Math, rounded: Buffer?, dot: DotProduct?,
        slowdown: Slowdown? = nil
    ) {
        precondition(InstructionSet.supported.contains(instructionSet), "This machine must have the instruction set.")
        self.pool = pool
        self.instructionSet = instructionSet
        self.isExact = isExact
        self.slowdown = slowdown
        tiles = TiledProducts(pool: pool, instructionSet: instructionSet)
        openBLAS = isExact || OpenBLAS.fewestTokens(instructionSet) == nil ? nil : OpenBLAS(pool: pool)
        guard !isExact, math == .fast, let dot else { return }
        guard let rounded else { preconditionFailure("Fast math needs a buffer for rounded input.") }
        rounding = Rounding(dot: dot, hasAMX: instructionSet == .amx, rounded: rounded)
    }

    /// How much products may round: fast only where this machine is faster by it.
    public var math: Math { rounding == nil ? .precise : .fast }

    /// The same operations by the canonical kernels alone.
    public var exact: Operations {
        var operations = self
        operations.isExact = true
        operations.openBLAS = nil
        operations.rounding = nil
        return operations
    }

    /// The same operations, whose products round their input, if they do, into another buffer.
    func rounding(into rounded: Buffer) -> Operations {
        var operations = self
        operations.rounding = rounding.map { Rounding(dot: $0.dot, hasAMX: $0.hasAMX, rounded: rounded) }
        return operations
    }

    /// Work of fewer elements than this is done by the caller alone: waking the team takes longer.
    static let sharedFrom = 1 << 14

    /// Runs a kernel on all threads, or on the caller alone when there is little to do.
    func run<Work>(_ part: lockstep_part, _ work: Work, elements: Int) {
        var work = work
        unsafe withUnsafePointer(to: &work) { work in
            guard let slowdown else { return unsafe share(part, work, elements: elements) }
            unsafe slowdown.prolong(part, work) { unsafe share($0, $1, elements: elements) }
        }
    }

    private func share(_ part: lockstep_part, _ work: UnsafeRawPointer, elements: Int) {
        if elements < Self.sharedFrom {
            unsafe part(work, 0, 1)
        } else {
            unsafe pool.run(part, work)
        }
    }

    /// Does what the caller does alone, whatever there is to do.
    func alone<R>(_ work: () -> R) -> R {
        guard let slowdown else { return work() }
        return slowdown.prolong(work)
    }

    static func check(_ buffer: Buffer, tokens: Int, columns: Int, _ what: StaticString = #function) {
        precondition(tokens >= 0 && tokens <= buffer.rows, "\(what): the buffer must have a row for every token.")
        precondition(columns <= buffer.columns, "\(what): the buffer's rows must be long enough.")
    }
}
