internal import CKernels

extension Operations {
    /// Root-mean-square norm of each row: y = x / sqrt(mean(x * x) + epsilon) * weight. y may be x.
    public func normalize(_ x: Buffer, tokens: Int, weight: Vector, epsilon: Float, into y: Buffer) {
        precondition(y.columns == x.columns, "The output's rows must be as long as the input's.")
        Self.check(y, tokens: tokens, columns: x.columns)
        normalize(x, tokens, heads: 1, size: x.columns, weight, epsilon, y)
    }

    /// Root-mean-square norm of each head of each row, in place; the weight [headSize] is shared by the heads.
    public func normalizeHeads(
        _ x: Buffer, tokens: Int, heads: Int, headSize: Int, weight: Vector, epsilon: Float
    ) {
        normalize(x, tokens, heads: heads, size: headSize, weight, epsilon, x)
    }

    private func normalize(
        _ x: Buffer, _ tokens: Int, heads: Int, size: Int, _ weight: Vector, _ epsilon: Float, _ y: Buffer
    ) {
        precondition(weight.count == size, "The weight must have one element for each that is normalised.")
        Self.check(x, tokens: tokens, columns: heads * size)
        let work = unsafe lockstep_normalize(
            instruction_set: instructionSet.code, x: x.start, y: y.start, x_stride: x.columns, y_stride: y.columns,
            weight: weight.buffer.start, epsilon: epsilon, tokens: tokens, heads: heads, size: size)
        unsafe run(lockstep_normalize_part, work, elements: tokens * heads * size)
    }

    /// Rotary position embedding of each head, in place, pairs (i, i + rotarySize / 2): y1 = x1 c - x2 s,
    /// y2 = x2 c + x1 s. Row p of the table [positions, rotarySize] holds the cosines of position p, then its sines.
    public func rotate(
        _ x: Buffer, tokens: Int, heads: Int, headSize: Int, rotarySize: Int, table: Buffer, firstPosition: Int
    ) {
        precondition(rotarySize % 2 == 0 && rotarySize <= headSize, "The rotary part is an even part of a head.")
        precondition(table.columns == rotarySize, "The table must have a cosine and a sine for each pair.")
        precondition(firstPosition >= 0 && firstPosition + tokens <= table.rows, "The table must hold the positions.")
        Self.check(x, tokens: tokens, columns: heads * headSize)
        let work = unsafe lockstep_rotate(
            instruction_set: instructionSet.code, x: x.start, stride: x.columns, tokens: tokens, heads: heads,
            head_size: headSize, rotary_size: rotarySize, table: table.start, first_position: firstPosition)
        unsafe run(lockstep_rotate_part, work, elements: tokens * heads * rotarySize)
    }

    /// y = silu(gate) * up, with silu(g) = g / (1 + exp(-g)), for [tokens, columns]. y may be gate or up.
    public func siluMultiply(gate: Buffer, up: Buffer, tokens: Int, into y: Buffer) {
        precondition(gate.columns == y.columns && up.columns == y.columns, "Gate, up and output have one width.")
        unsafe elementwise(lockstep_silu_multiply_part, gate, up, tokens, y)
    }

    /// y += x, for [tokens, columns].
    public func add(_ x: Buffer, to y: Buffer, tokens: Int) {
        precondition(x.columns == y.columns, "Both have one width.")
        unsafe elementwise(lockstep_add_part, x, y, tokens, y)
    }

    /// y[t] += bias, for each of the first `tokens` rows.
    public func add(bias: Vector, to y: Buffer, tokens: Int) {
        precondition(bias.count == y.columns, "The bias must have one element for each column.")
        Self.check(y, tokens: tokens, columns: y.columns)
        let work = unsafe lockstep_elementwise(
            instruction_set: instructionSet.code, a: bias.buffer.start, b: y.start, y: y.start, a_stride: 0,
            b_stride: y.columns, y_stride: y.columns, rows: tokens, columns: y.columns)
        unsafe run(lockstep_add_part, work, elements: tokens * y.columns)
    }

    private func elementwise(_ part: lockstep_part, _ a: Buffer, _ b: Buffer, _ tokens: Int, _ y: Buffer) {
        Self.check(a, tokens: tokens, columns: y.columns)
        Self.check(b, tokens: tokens, columns: y.columns)
        Self.check(y, tokens: tokens, columns: y.columns)
        let work = unsafe lockstep_elementwise(
            instruction_set: instructionSet.code, a: a.start, b: b.start, y: y.start, a_stride: a.columns,
            b_stride: b.columns, y_stride: y.columns, rows: tokens, columns: y.columns)
        unsafe run(part, work, elements: tokens * y.columns)
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

    /// Copies the first `columns` columns of x [tokens, x.columns] into the columns of y [tokens, y.columns] from
    /// `column` on.
    public func copy(_ x: Buffer, tokens: Int, columns: Int, into y: Buffer, column: Int) {
        precondition(column >= 0 && (0...x.columns).contains(columns), "The columns must lie in both.")
        Self.check(x, tokens: tokens, columns: columns)
        Self.check(y, tokens: tokens, columns: column + columns)
        alone {
            for token in 0..<tokens {
                unsafe (y.start + token * y.columns + column).update(from: x.start + token * x.columns, count: columns)
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
