public import Blueprint
internal import CKernels

/// Which experts the tokens of a chunk choose, and their tokens expert by expert; sized once.
///
/// Not Sendable: one step at a time.
public final class Routing {
    /// The most tokens of a chunk.
    public let tokens: Int
    /// The most choices of a token.
    public let chosenCount: Int
    /// Bytes of experts' weights that were read so far: of each expert that any token of a chunk has chosen, once.
    public var byteCountRead = 0
    private var choices: [Int32]  // [tokens, chosen]
    private var factors: [Float]  // [tokens, chosen]
    /// Where the rows of each expert begin; one more than there are experts.
    private var starts: [Int]
    private var rowTokens: [Int32]  // [rows], expert by expert, of each in the order of tokens
    private var rowFactors: [Float]  // [rows]

    /// Room for so many tokens.
    public init(tokens: Int, chosenCount: Int, experts: Int) {
        self.tokens = tokens
        self.chosenCount = chosenCount
        choices = Array(repeating: 0, count: tokens * chosenCount)
        factors = Array(repeating: 0, count: tokens * chosenCount)
        starts = Array(repeating: 0, count: experts + 1)
        rowTokens = Array(repeating: 0, count: tokens * chosenCount)
        rowFactors = Array(repeating: 0, count: tokens * chosenCount)
    }

    /// The rows of an expert, among those of all.
    public func rows(of expert: Int) -> Range<Int> { starts[expert]..<starts[expert + 1] }

    /// The rows of consecutive experts.
    public func rows(of experts: Range<Int>) -> Range<Int> { starts[experts.lowerBound]..<starts[experts.upperBound] }

    /// The experts that a token has chosen, the highest score first, with their factors.
    package func choices(of token: Int, chosen: Int) -> [(expert: Int, factor: Float)] {
        (token * chosen..<(token + 1) * chosen).map { (Int(choices[$0]), factors[$0]) }
    }

    /// Sorts the choices of some tokens by expert.
    fileprivate func sort(tokens: Int, chosen: Int, experts: Int) {
        for expert in 0...experts { starts[expert] = 0 }
        for place in 0..<tokens * chosen { starts[Int(choices[place]) + 1] += 1 }
        for expert in 0..<experts { starts[expert + 1] += starts[expert] }
        for place in 0..<tokens * chosen {
            let expert = Int(choices[place])
            rowTokens[starts[expert]] = Int32(truncatingIfNeeded: place / chosen)
            rowFactors[starts[expert]] = factors[place]
            starts[expert] += 1
        }
        // Each start has moved to the next one's.
        for expert in stride(from: experts, to: 0, by: -1) { starts[expert] = starts[expert - 1] }
        starts[0] = 0
    }

    fileprivate func withChoices(_ body: (UnsafeMutablePointer<Int32>, UnsafeMutablePointer<Float>) -> Void) {
        unsafe choices.withUnsafeMutableBufferPointer { choices in
            unsafe factors.withUnsafeMutableBufferPointer { factors in
                guard let choices = choices.baseAddress, let factors = factors.baseAddress else { return }
                unsafe body(choices, factors)
            }
        }
    }

    /// The most experts.
    fileprivate var experts: Int { starts.count - 1 }

    /// Tokens and factors of some rows, where all tokens lie in a buffer.
    fileprivate func withRows(
        _ rows: Range<Int>, of buffer: Buffer, _ body: (UnsafePointer<Int32>, UnsafePointer<Float>) -> Void
    ) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowTokens.count, "The rows must be the routing's.")
        precondition(tokens <= buffer.rows, "The buffer must have a row for every token.")
        unsafe rowTokens.withUnsafeBufferPointer { tokens in
            unsafe rowFactors.withUnsafeBufferPointer { factors in
                guard let tokens = tokens.baseAddress, let factors = factors.baseAddress else { return }
                unsafe body(tokens + rows.lowerBound, factors + rows.lowerBound)
            }
        }
    }
}

extension Operations {
    /// Chooses experts for each token by the router's logits [tokens, experts], which become scores, and sorts the
    /// tokens by expert. The same on every machine, for the same logits.
    ///
    /// - Parameter correction: [experts]; nil where the router has none.
    public func choose(_ router: Router, logits: Buffer, tokens: Int, correction: Vector?, into routing: Routing) {
        let (experts, chosen) = (logits.columns, router.chosenCount)
        precondition(
            tokens <= routing.tokens && chosen <= routing.chosenCount && experts <= routing.experts,
            "The routing must have room.")
        precondition(correction?.count ?? experts == experts, "Every expert has a correction.")
        precondition(
            experts % router.groupCount == 0 && router.groupCount <= Router.largestGroupCount,
            "Groups are of equal size.")
        precondition((1...2).contains(router.groupScoreCount), "One score of a group counts, or two.")
        Self.check(logits, tokens: tokens, columns: experts)
        let scoring =
            switch router.scoring {
            case .softmax: LOCKSTEP_SOFTMAX
            case .softmaxOfChosen: LOCKSTEP_SOFTMAX_OF_CHOSEN
            case .sigmoid: LOCKSTEP_SIGMOID
            }
        unsafe routing.withChoices { choices, factors in
            let work = unsafe lockstep_choose(
                instruction_set: instructionSet.code, scoring: scoring, logits: logits.start, stride: logits.columns,
                correction: correction?.buffer.start, tokens: tokens, experts: experts, chosen: chosen,
                groups: router.groupCount, group_scores: router.groupScoreCount,
                chosen_groups: router.chosenGroupCount,
                is_normalized: router.isNormalized ? 1 : 0, factor: router.factor, choices: choices, factors: factors)
            unsafe run(lockstep_choose_part, work, elements: tokens * experts * chosen)
        }
        alone { routing.sort(tokens: tokens, chosen: chosen, experts: experts) }
    }

    /// y[r] = the row of x of each token that has chosen an expert, in the order of the routing's rows.
    public func take(_ rows: Range<Int>, of routing: Routing, from x: Buffer, into y: Buffer) {
        precondition(x.columns == y.columns, "Both have one width.")
        Self.check(y, tokens: rows.count, columns: y.columns)
        unsafe move(lockstep_take_rows_part, rows, of: routing, tokensOf: x, from: x.start, stride: x.columns, to: y)
    }

    /// y[token] += factor * x[r], for the tokens and factors of the routing's rows.
    public func add(_ x: Buffer, _ rows: Range<Int>, of routing: Routing, to y: Buffer) {
        precondition(x.columns == y.columns, "Both have one width.")
        Self.check(x, tokens: rows.count, columns: x.columns)
        unsafe move(lockstep_add_rows_part, rows, of: routing, tokensOf: y, from: x.start, stride: x.columns, to: y)
    }

    /// y[token] += factor * bias, for the tokens and factors of the routing's rows, with one row of biases
    /// [rows, columns].
    public func add(_ biases: Vector, row: Int, _ rows: Range<Int>, of routing: Routing, to y: Buffer) {
        precondition((row + 1) * y.columns <= biases.count, "The biases must have the row.")
        guard !rows.isEmpty else { return }
        let x = unsafe biases.buffer.start + row * y.columns
        unsafe move(lockstep_add_rows_part, rows, of: routing, tokensOf: y, from: x, stride: 0, to: y)
    }

    /// Moves rows between x and y by the tokens and factors of the routing's rows.
    ///
    /// - Parameters:
    ///   - byToken: the one of both that has a row for every token.
    ///   - stride: elements from one row of x to the next.
    private func move(
        _ part: lockstep_part, _ rows: Range<Int>, of routing: Routing, tokensOf byToken: Buffer,
        from x: UnsafeMutablePointer<Float>, stride: Int, to y: Buffer
    ) {
        unsafe routing.withRows(rows, of: byToken) { tokens, factors in
            let work = unsafe lockstep_rows(
                instruction_set: instructionSet.code, x: x, y: y.start, x_stride: stride, y_stride: y.columns,
                columns: y.columns, count: rows.count, tokens: tokens, factors: factors)
            unsafe run(part, work, elements: rows.count * y.columns)
        }
    }

    /// y[t] *= sigmoid(gates[t]), for [tokens, columns] and gates [tokens, 1], which become their sigmoids.
    public func scale(_ y: Buffer, bySigmoidOf gates: Buffer, tokens: Int) {
        precondition(gates.columns == 1, "A token has one gate.")
        Self.check(gates, tokens: tokens, columns: 1)
        Self.check(y, tokens: tokens, columns: y.columns)
        alone { unsafe lockstep_sigmoid(instructionSet.code, gates.start, tokens, gates.start) }
        let work = unsafe lockstep_rows(
            instruction_set: instructionSet.code, x: nil, y: y.start, x_stride: 0, y_stride: y.columns,
            columns: y.columns, count: tokens, tokens: nil, factors: gates.start)
        unsafe run(lockstep_scale_rows_part, work, elements: tokens * y.columns)
    }

    /// y = 0, for [tokens, columns].
    public func clear(_ y: Buffer, tokens: Int) {
        Self.check(y, tokens: tokens, columns: y.columns)
        alone { unsafe y.start.update(repeating: 0, count: tokens * y.columns) }
    }
}
