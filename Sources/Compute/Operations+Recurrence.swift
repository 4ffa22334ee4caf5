internal import CKernels

/// A state for every head, `[heads, rows, columns]`, and the last inputs of the convolutions before it, in an arena.
///
/// Zero heads are legal.
public struct RecurrentState: Sendable {
    /// `[heads, state size * head size]`.
    public let states: Buffer
    /// `[kernel size - 1, channels]` of each convolution.
    public let windows: [Buffer]

    /// Cuts a state off an arena, with nothing in it.
    ///
    /// - Parameters:
    ///   - channels: those of each convolution.
    ///   - kernelSize: positions that they see.
    /// - Throws: `ComputeError.arenaFull`.
    public init(
        heads: Int, stateSize: Int, headSize: Int, channels: [Int], kernelSize: Int, in arena: Arena
    ) throws(ComputeError) {
        states = try arena.buffer(rows: heads, columns: stateSize * headSize)
        windows = try channels.map { count throws(ComputeError) in
            try arena.buffer(rows: kernelSize - 1, columns: count)
        }
        clear()
    }

    /// The bytes that a state takes from its arena.
    public static func byteCount(
        heads: Int, stateSize: Int, headSize: Int, channels: [Int], kernelSize: Int
    ) -> Int {
        channels.reduce(Arena.byteCount(rows: heads, columns: stateSize * headSize)) {
            $0 + Arena.byteCount(rows: kernelSize - 1, columns: $1)
        }
    }

    private var buffers: [Buffer] { [states] + windows }

    /// Floats of all of it.
    public var count: Int { buffers.reduce(0) { $0 + $1.count } }

    /// Forgets everything.
    public func clear() {
        for buffer in buffers { unsafe buffer.start.update(repeating: 0, count: buffer.count) }
    }

    /// Copies all of it to `floats`, of which it takes ``count`` from `offset` on.
    public func save(to floats: inout [Float], at offset: Int) {
        var place = offset
        for buffer in buffers {
            unsafe floats.withUnsafeMutableBufferPointer { floats in
                _ = unsafe UnsafeMutableBufferPointer(rebasing: floats[place..<place + buffer.count]).update(
                    fromContentsOf: UnsafeBufferPointer(start: buffer.start, count: buffer.count))
            }
            place += buffer.count
        }
    }

    /// Takes back what ``save(to:at:)`` has copied.
    public func restore(from floats: [Float], at offset: Int) {
        var place = offset
        for buffer in buffers {
            unsafe floats.withUnsafeBufferPointer { floats in
                _ = unsafe UnsafeMutableBufferPointer(start: buffer.start, count: buffer.count).update(
                    fromContentsOf: UnsafeBufferPointer(rebasing: floats[place..<place + buffer.count]))
            }
            place += buffer.count
        }
    }
}

extension Operations {
    /// A causal convolution of each channel of x [tokens, channels] by itself and a silu, in place; the window moves
    /// on.
    ///
    /// - Parameter weight: [channels * positions], the latest position last.
    public func convolve(_ x: Buffer, tokens: Int, weight: Vector, bias: Vector?, window: Buffer) {
        let (channels, size) = (x.columns, window.rows + 1)
        precondition(weight.count == channels * size && window.columns == channels, "All have one width.")
        precondition(bias?.count ?? channels == channels, "The bias must have one element for each channel.")
        precondition(size <= LOCKSTEP_LONGEST_KERNEL, "A convolution sees at most 16 positions.")
        Self.check(x, tokens: tokens, columns: channels)
        let work = unsafe lockstep_convolve(
            instruction_set: instructionSet.code, x: x.start, stride: x.columns, tokens: tokens, channels: channels,
            size: size, weight: weight.buffer.start, bias: bias?.buffer.start, window: window.start)
        unsafe run(lockstep_convolve_part, work, elements: tokens * channels * size)
    }

    /// Each head of x [tokens, heads x headSize] times `factor` over its length, in place.
    public func makeUnit(
        _ x: Buffer, tokens: Int, heads: Int, headSize: Int, epsilon: Float, factor: Float
    ) {
        Self.check(x, tokens: tokens, columns: heads * headSize)
        let work = unsafe lockstep_unit(
            instruction_set: instructionSet.code, x: x.start, stride: x.columns, tokens: tokens, heads: heads,
            head_size: headSize, epsilon: epsilon, factor: factor)
        unsafe run(lockstep_unit_part, work, elements: tokens * heads * headSize)
    }

    /// Of inputs x [tokens, heads] what states keep, exp(-exp(log) * softplus(x + bias)), in place; where steps are
    /// wanted, the softplus.
    public func forget(_ x: Buffer, tokens: Int, log: Vector, bias: Vector, steps: Buffer? = nil) {
        let heads = x.columns
        precondition(log.count == heads && bias.count == heads, "Every head has a rate.")
        precondition(steps?.columns ?? heads == heads, "Every head has a step.")
        Self.check(x, tokens: tokens, columns: heads)
        let work = unsafe lockstep_forget(
            instruction_set: instructionSet.code, x: x.start, stride: heads, tokens: tokens, heads: heads,
            log: log.buffer.start, bias: bias.buffer.start, steps: steps?.start)
        unsafe run(lockstep_forget_part, work, elements: tokens * heads)
    }

    /// y = sigmoid(y), for [tokens, columns].
    public func sigmoid(_ y: Buffer, tokens: Int) {
        Self.check(y, tokens: tokens, columns: y.columns)
        alone { unsafe lockstep_sigmoid(instructionSet.code, y.start, tokens * y.columns, y.start) }
    }

    /// What heads with states read, o [tokens, heads x headSize], token by token: with a delta rule
    /// `S = decay S + k step (v - decay k S)`, else `S = decay S + k step v`; then `o = q S`, plus `skip v`.
    ///
    /// - Parameters:
    ///   - q: [tokens, covered heads x stateSize]; k likewise.
    ///   - v: [tokens, heads x headSize].
    ///   - decays: [tokens, heads]; steps likewise.
    ///   - covered: which covered head each head reads.
    public func recur(
        q: Buffer, k: Buffer, v: Buffer, decays: Buffer, steps: Buffer, hasDeltaRule: Bool, covered: HeadMap,
        skip: Vector? = nil, stateSize: Int, headSize: Int, tokens: Int, states: Buffer, into o: Buffer
    ) {
        let heads = covered.count
        precondition(q.columns == k.columns && v.columns == o.columns, "Queries and keys have one width.")
        precondition(covered.coveredCount * stateSize <= q.columns, "Every covered head must be there.")
        precondition(states.rows >= heads && states.columns == stateSize * headSize, "Every head has a state.")
        precondition(skip?.count ?? heads == heads, "Every head skips.")
        Self.check(q, tokens: tokens, columns: q.columns)
        Self.check(k, tokens: tokens, columns: k.columns)
        Self.check(v, tokens: tokens, columns: heads * headSize)
        Self.check(o, tokens: tokens, columns: heads * headSize)
        Self.check(decays, tokens: tokens, columns: heads)
        Self.check(steps, tokens: tokens, columns: heads)
        unsafe covered.coveredHeads.withUnsafeBufferPointer { map in
            let work = unsafe lockstep_recur(
                instruction_set: instructionSet.code, has_delta_rule: hasDeltaRule ? 1 : 0, q: q.start, k: k.start,
                v: v.start, o: o.start, covered_stride: q.columns, stride: v.columns, decays: decays.start,
                steps: steps.start, rates_stride: decays.columns, covered: map.baseAddress,
                skip: skip?.buffer.start, states: states.start, tokens: tokens, heads: heads, head_size: headSize,
                state_size: stateSize)
            unsafe run(lockstep_recur_part, work, elements: 4 * tokens * heads * headSize * stateSize)
        }
    }
}
