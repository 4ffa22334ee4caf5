public import Blueprint
internal import CKernels

extension Operations {
    /// A norm of each row: y = x / sqrt(mean(x * x) + epsilon) * weight; where there is a bias, of x - mean(x), and the
    /// bias is added. y may be x.
    public func normalize(
        _ x: Buffer, tokens: Int, weight: Vector, bias: Vector? = nil, epsilon: Float, into y: Buffer
    ) {
        precondition(y.columns == x.columns, "The output's rows must be as long as the input's.")
        Self.check(y, tokens: tokens, columns: x.columns)
        normalize(x, tokens, heads: 1, size: x.columns, weight, bias, epsilon, y)
    }

    /// Root-mean-square norm of each head of each row, in place; the weight [headSize] is shared by the heads.
    public func normalizeHeads(
        _ x: Buffer, tokens: Int, heads: Int, headSize: Int, weight: Vector, epsilon: Float
    ) {
        normalize(x, tokens, heads: heads, size: headSize, weight, nil, epsilon, x)
    }

    private func normalize(
        _ x: Buffer, _ tokens: Int, heads: Int, size: Int, _ weight: Vector, _ bias: Vector?, _ epsilon: Float,
        _ y: Buffer
    ) {
        precondition(weight.count == size, "The weight must have one element for each that is normalised.")
        precondition(bias?.count ?? size == size, "The bias must have one element for each that is normalised.")
        Self.check(x, tokens: tokens, columns: heads * size)
        let work = unsafe lockstep_normalize(
            instruction_set: instructionSet.code, x: x.start, y: y.start, x_stride: x.columns, y_stride: y.columns,
            weight: weight.buffer.start, bias: bias?.buffer.start, is_centered: bias == nil ? 0 : 1, epsilon: epsilon,
            tokens: tokens, heads: heads, size: size)
        unsafe run(lockstep_normalize_part, work, elements: tokens * heads * size)
    }

    /// Rotary position embedding of each head, in place, pairs (i, i + rotarySize / 2): y1 = x1 c - x2 s,
    /// y2 = x2 c + x1 s. Row p of the table [positions, rotarySize] holds the cosines of position p, then its sines.
    ///
    /// - Parameter firstChannel: the first channel of a head that turns.
    public func rotate(
        _ x: Buffer, tokens: Int, heads: Int, headSize: Int, firstChannel: Int = 0, rotarySize: Int, table: Buffer,
        firstPosition: Int
    ) {
        precondition(
            rotarySize % 2 == 0 && firstChannel + rotarySize <= headSize, "The rotary part is an even part of a head.")
        precondition(table.columns == rotarySize, "The table must have a cosine and a sine for each pair.")
        precondition(firstPosition >= 0 && firstPosition + tokens <= table.rows, "The table must hold the positions.")
        Self.check(x, tokens: tokens, columns: heads * headSize)
        let work = unsafe lockstep_rotate(
            instruction_set: instructionSet.code, x: x.start + firstChannel, stride: x.columns, tokens: tokens,
            heads: heads,
            head_size: headSize, rotary_size: rotarySize, table: table.start, first_position: firstPosition)
        unsafe run(lockstep_rotate_part, work, elements: tokens * heads * rotarySize)
    }

    /// y = activation(gate) * up, for [tokens, columns]; without gate y = activation(up). y may be gate or up.
    public func activate(_ activation: Activation, gate: Buffer?, up: Buffer, tokens: Int, into y: Buffer) {
        precondition(gate?.columns ?? y.columns == y.columns && up.columns == y.columns, "All have one width.")
        let operation =
            switch activation {
            case .silu: gate == nil ? nil : LOCKSTEP_SILU_MULTIPLY
            case .gelu: gate == nil ? LOCKSTEP_GELU : LOCKSTEP_GELU_MULTIPLY
            case .squaredReLU: gate == nil ? LOCKSTEP_SQUARED_RELU : nil
            case .clampedSwiGLU: gate == nil ? nil : LOCKSTEP_CLAMPED_SWIGLU
            }
        guard let operation else { preconditionFailure("\(activation) is not implemented in this form.") }
        var (factor, limit): (Float, Float) = (1, 0)
        if case .clampedSwiGLU(let alpha, let most) = activation { (factor, limit) = (alpha, most) }
        elementwise(
            operation, gate ?? up, gate == nil ? nil : up, tokens, y, factor: factor, limit: limit,
            cost: Self.exponentialCost)
    }

    /// y *= sigmoid(gates), for [tokens, columns].
    public func scale(_ y: Buffer, bySigmoidsOf gates: Buffer, tokens: Int) {
        elementwise(LOCKSTEP_SIGMOID_MULTIPLY, gates, y, tokens, y, cost: Self.exponentialCost)
    }

    /// sums[t, firstColumn + h] = the sum of squares of head h of x [tokens, heads x headSize].
    public func sumSquares(
        _ x: Buffer, tokens: Int, heads: Int, headSize: Int, into sums: Buffer, at firstColumn: Int
    ) {
        Self.check(x, tokens: tokens, columns: heads * headSize)
        Self.check(sums, tokens: tokens, columns: firstColumn + heads)
        let work = unsafe lockstep_squares(
            instruction_set: instructionSet.code, x: x.start, stride: x.columns, tokens: tokens, heads: heads,
            head_size: headSize, sums: sums.start + firstColumn, sums_stride: sums.columns)
        unsafe run(lockstep_squares_part, work, elements: tokens * heads * headSize)
    }

    /// Each head of x [tokens, heads x headSize] *= weight / sqrt(mean of squares + epsilon), where the mean is over
    /// the heads of its group, whose sums of squares are added in order.
    ///
    /// - Parameters:
    ///   - weight: [heads x headSize].
    ///   - sums: [tokens, all heads].
    ///   - firstHead: the head of the sums that is the first of x.
    ///   - groupSize: heads of a group.
    public func normalize(
        _ x: Buffer, tokens: Int, heads: Int, headSize: Int, weight: Vector, epsilon: Float, bySquares sums: Buffer,
        from firstColumn: Int = 0, firstHead: Int, groupSize: Int
    ) {
        precondition(weight.count >= heads * headSize, "The weight must have one element for each that is normalised.")
        Self.check(x, tokens: tokens, columns: heads * headSize)
        Self.check(sums, tokens: tokens, columns: firstColumn + firstHead + heads)
        let work = unsafe lockstep_scale_by_squares(
            instruction_set: instructionSet.code, x: x.start, stride: x.columns, weight: weight.buffer.start,
            tokens: tokens, heads: heads, head_size: headSize, first_head: firstHead, group_size: groupSize,
            sums: sums.start + firstColumn, sums_stride: sums.columns, epsilon: epsilon)
        unsafe run(lockstep_scale_by_squares_part, work, elements: tokens * heads * headSize)
    }

    /// y += x, for [tokens, columns].
    public func add(_ x: Buffer, to y: Buffer, tokens: Int) {
        elementwise(LOCKSTEP_ADD, x, y, tokens, y)
    }

    /// y += factor * x, for [tokens, columns].
    public func add(_ x: Buffer, times factor: Float, to y: Buffer, tokens: Int) {
        elementwise(LOCKSTEP_ADD_MULTIPLE, x, y, tokens, y, factor: factor)
    }

    /// y *= factor, for [tokens, columns].
    public func scale(_ y: Buffer, by factor: Float, tokens: Int) {
        elementwise(LOCKSTEP_SCALE, y, nil, tokens, y, factor: factor)
    }

    /// y = limit * tanh(y / limit), for [tokens, columns].
    public func cap(_ y: Buffer, at limit: Float, tokens: Int) {
        elementwise(LOCKSTEP_CAP, y, nil, tokens, y, factor: limit)
    }

    /// y[t] += bias, for each of the first `tokens` rows.
    public func add(bias: Vector, to y: Buffer, tokens: Int) {
        precondition(bias.count == y.columns, "The bias must have one element for each column.")
        Self.check(y, tokens: tokens, columns: y.columns)
        let work = unsafe lockstep_elementwise(
            instruction_set: instructionSet.code, operation: LOCKSTEP_ADD, a: bias.buffer.start, b: y.start, y: y.start,
            a_stride: 0, b_stride: y.columns, y_stride: y.columns, rows: tokens, columns: y.columns, factor: 1, limit: 0
        )
        unsafe run(lockstep_elementwise_part, work, elements: tokens * y.columns)
    }

    /// So many elements are added in the time of one exponential.
    private static let exponentialCost = 4

    private func elementwise(
        _ operation: lockstep_elementwise_operation, _ a: Buffer, _ b: Buffer?, _ tokens: Int, _ y: Buffer,
        factor: Float = 1, limit: Float = 0, cost: Int = 1
    ) {
        precondition(a.columns == y.columns && b?.columns ?? a.columns == y.columns, "All have one width.")
        Self.check(a, tokens: tokens, columns: y.columns)
        if let b { Self.check(b, tokens: tokens, columns: y.columns) }
        Self.check(y, tokens: tokens, columns: y.columns)
        let work = unsafe lockstep_elementwise(
            instruction_set: instructionSet.code, operation: operation, a: a.start, b: b?.start, y: y.start,
            a_stride: a.columns, b_stride: b?.columns ?? 0, y_stride: y.columns, rows: tokens, columns: y.columns,
            factor: factor, limit: limit)
        unsafe run(lockstep_elementwise_part, work, elements: cost * tokens * y.columns)
    }

    /// y[t] = the embedding of tokens[t]: row tokens[t] - firstRow of the table; zero when the table does not hold it.
    public func embed(_ tokens: Span<Int32>, table: Matrix, firstRow: Int, into y: Buffer) {
        precondition(y.columns == table.columns, "The output's rows must be as long as the table's.")
        Self.check(y, tokens: tokens.count, columns: table.columns)
        alone {
            for token in tokens.indices {
                let row = Int(tokens[token]) - firstRow
                let target = unsafe y.start + token * y.columns
                if row >= 0, row < table.rows {
                    unsafe table.widen(row: row, by: instructionSet, into: target)
                } else {
                    unsafe target.update(repeating: 0, count: y.columns)
                }
            }
        }
    }

    /// Copies `columns` columns of x [tokens, x.columns], from `first` on, into the columns of y [tokens, y.columns]
    /// from `column` on.
    public func copy(_ x: Buffer, from first: Int = 0, tokens: Int, columns: Int, into y: Buffer, column: Int) {
        precondition(column >= 0 && first >= 0 && columns >= 0, "The columns must lie in both.")
        Self.check(x, tokens: tokens, columns: first + columns)
        Self.check(y, tokens: tokens, columns: column + columns)
        alone {
            for token in 0..<tokens {
                unsafe (y.start + token * y.columns + column).update(
                    from: x.start + token * x.columns + first, count: columns)
            }
        }
    }
}

extension Operations {
    /// y = exp(x), for [tokens, columns], as softmax and silu compute it: at most 2 units in the last place off.
    package func exponentiate(_ x: Buffer, tokens: Int, into y: Buffer) {
        precondition(x.columns == y.columns, "Both have one width.")
        Self.check(x, tokens: tokens, columns: x.columns)
        Self.check(y, tokens: tokens, columns: y.columns)
        unsafe lockstep_exp(instructionSet.code, x.start, tokens * x.columns, y.start)
    }
}
