internal import CKernels

/// A matrix, its bias, and where its product goes.
public struct Product: Sendable {
    let matrix: Matrix  // [rows, columns]
    let bias: Vector?  // [rows]
    let output: Buffer  // [tokens, at least rows]

    /// output[t, r] = sum over k of matrix[r, k] * input[t, k], plus bias[r].
    public init(_ matrix: Matrix, bias: Vector? = nil, into output: Buffer) {
        precondition(matrix.rows <= output.columns, "The output's rows must hold one element for each of the matrix's.")
        precondition(bias.map { $0.count == matrix.rows } ?? true, "The bias must have one element for each row.")
        self.matrix = matrix
        self.bias = bias
        self.output = output
    }

    fileprivate var work: lockstep_product {
        unsafe lockstep_product(
            w: matrix.start, row_byte_stride: matrix.rowByteStride, rows: matrix.rows, columns: matrix.columns,
            encoding: matrix.encoding.code, grouping: matrix.grouping, bias: bias?.buffer.start, y: output.start, y_stride: output.columns)
    }
}

extension Operations {
    /// y[t, r] = sum over k of w[r, k] * x[t, k] (+ bias[r]), for the first `tokens` rows of x [tokens, w.columns] and
    /// y [tokens, at least w.rows].
    public func multiply(_ x: Buffer, tokens: Int, by w: Matrix, bias: Vector? = nil, into y: Buffer) {
        multiply(x, tokens: tokens, Product(w, bias: bias, into: y))
    }

    /// Up to three products of the same input in one go: the threads are woken once.
    public func multiply(
        _ x: Buffer, tokens: Int, _ first: Product, _ second: Product? = nil, _ third: Product? = nil
    ) {
        var work = unsafe lockstep_multiply()
        unsafe work.instruction_set = instructionSet.code
        unsafe work.x = UnsafePointer(x.start)
        unsafe work.x_stride = x.columns
        unsafe work.tokens = tokens
        unsafe work.count = 1
        unsafe work.products.0 = first.work
        var elements = first.matrix.rows * first.matrix.columns
        check(first, x, tokens)
        if let second {
            check(second, x, tokens)
            unsafe work.products.1 = second.work
            unsafe work.count = 2
            elements += second.matrix.rows * second.matrix.columns
        }
        if let third {
            check(third, x, tokens)
            let place = unsafe work.count
            if place == 1 { unsafe work.products.1 = third.work } else { unsafe work.products.2 = third.work }
            unsafe work.count = place + 1
            elements += third.matrix.rows * third.matrix.columns
        }
        if let openBLAS, usesOpenBLAS(tokens: tokens) {
            unsafe openBLAS.multiply(work) { unsafe run($0, $1, elements: elements * tokens) }
        } else {
            unsafe run(lockstep_multiply_part, work, elements: elements * tokens)
        }
    }

    /// Whether products of so many tokens are OpenBLAS's: never for exact operations, nor with 512-bit vectors.
    package func usesOpenBLAS(tokens: Int) -> Bool {
        guard openBLAS != nil, let fewest = OpenBLAS.fewestTokens(instructionSet) else { return false }
        return tokens >= fewest
    }

    private func check(_ product: Product, _ x: Buffer, _ tokens: Int) {
        precondition(x.columns == product.matrix.columns, "The input's rows must be as long as the matrix's.")
        Self.check(x, tokens: tokens, columns: x.columns)
        Self.check(product.output, tokens: tokens, columns: product.matrix.rows)
    }
}
