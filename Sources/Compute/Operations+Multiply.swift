internal import CKernels

/// A matrix, its bias, and where its product goes.
public struct Product: Sendable {
    let matrix: Matrix  // [rows, columns]
    let bias: Vector?  // [rows]
    let output: Buffer  // [tokens, at least rows]
    let outputColumn: Int

    /// output[t, outputColumn + r] = sum over k of matrix[r, k] * input[t, k], plus bias[r].
    public init(_ matrix: Matrix, bias: Vector? = nil, into output: Buffer, at outputColumn: Int = 0) {
        precondition(
            outputColumn >= 0 && outputColumn + matrix.rows <= output.columns,
            "The output's rows must hold one element for each of the matrix's.")
        precondition(bias.map { $0.count == matrix.rows } ?? true, "The bias must have one element for each row.")
        self.matrix = matrix
        self.bias = bias
        self.output = output
        self.outputColumn = outputColumn
    }

    fileprivate var work: lockstep_product {
        unsafe lockstep_product(
            w: matrix.start, row_byte_stride: matrix.rowByteStride, rows: matrix.rows, columns: matrix.columns,
            encoding: matrix.encoding.code, grouping: matrix.grouping, bias: bias?.buffer.start,
            y: output.start + outputColumn,
            y_stride: output.columns)
    }
}

extension Operations {
    /// y[t, r] = sum over k of w[r, k] * x[t, k] (+ bias[r]), for the first `tokens` rows of x [tokens, w.columns] and
    /// y [tokens, at least w.rows].
    public func multiply(_ x: Buffer, tokens: Int, by w: Matrix, bias: Vector? = nil, into y: Buffer) {
        multiply(x, tokens: tokens, Product(w, bias: bias, into: y))
    }

    /// y[t, outputColumn + r] = sum over k of w[r, k] * x[t, inputColumn + k]: a product of some channels only.
    public func multiply(
        _ x: Buffer, from inputColumn: Int, tokens: Int, by w: Matrix, into y: Buffer, at outputColumn: Int
    ) {
        precondition(
            inputColumn >= 0 && inputColumn + w.columns <= x.columns, "The input's rows must hold the columns.")
        multiply(x, from: inputColumn, tokens, (Product(w, into: y, at: outputColumn), nil, nil))
    }

    /// Up to three products of the same input in one go: the threads are woken once, and the input is rounded once.
    public func multiply(
        _ x: Buffer, tokens: Int, _ first: Product, _ second: Product? = nil, _ third: Product? = nil
    ) {
        checkLength(first, x)
        if let second { checkLength(second, x) }
        if let third { checkLength(third, x) }
        multiply(x, from: 0, tokens, (first, second, third))
    }

    private func multiply(
        _ x: Buffer, from column: Int, _ tokens: Int, _ products: (Product, Product?, Product?)
    ) {
        check(products.0, x, tokens)
        if let second = products.1 { check(second, x, tokens) }
        if let third = products.2 { check(third, x, tokens) }
        unsafe run(work(x, column, tokens, products, rounded: .none), tokens)
        guard let rounding else { return }
        unsafe run(work(x, column, tokens, products, rounded: .integers), tokens, rounding)
        unsafe run(work(x, column, tokens, products, rounded: .bfloats), tokens, rounding)
    }

    /// Those of the products that round their input in one way.
    private func work(
        _ x: Buffer, _ column: Int, _ tokens: Int, _ products: (Product, Product?, Product?),
        rounded form: Rounding.Form
    ) -> lockstep_multiply {
        var work = unsafe lockstep_multiply()
        unsafe work.instruction_set = instructionSet.code
        unsafe work.fetching = fetching
        unsafe work.x = UnsafePointer(x.start + column)
        unsafe work.x_stride = x.columns
        unsafe work.tokens = tokens
        func add(_ product: Product?) {
            guard let product, form == rounding?.form(product.matrix.encoding) ?? .none else { return }
            switch unsafe work.count {
            case 0: unsafe work.products.0 = product.work
            case 1: unsafe work.products.1 = product.work
            default: unsafe work.products.2 = product.work
            }
            unsafe work.count += 1
        }
        add(products.0)
        add(products.1)
        add(products.2)
        return unsafe work
    }

    /// Runs products with their input as it is.
    private func run(_ work: lockstep_multiply, _ tokens: Int) {
        guard unsafe work.count > 0 else { return }
        let elements = unsafe Self.elements(work)
        if let openBLAS, usesOpenBLAS(tokens: tokens) {
            unsafe openBLAS.multiply(work) { unsafe run($0, $1, elements: elements) }
        } else if let tiles, unsafe tiles.multiplies(work) {
            unsafe tiles.multiply(work) { unsafe run($0, $1, elements: elements) }
        } else {
            unsafe run(lockstep_multiply_part, work, elements: elements)
        }
    }

    /// Runs products with rounded input.
    private func run(_ work: lockstep_multiply, _ tokens: Int, _ rounding: Rounding) {
        guard unsafe work.count > 0 else { return }
        var work = unsafe work
        let elements = unsafe Self.elements(work)
        if unsafe rounding.complete(&work, threads: pool.threads) {
            unsafe run(lockstep_round_part, work, elements: tokens * work.products.0.columns)
        }
        // Rows of bf16 are read as fast without. What is done again, to look slow, would find all taken.
        if tokens == 1, pool.threads > 1, slowdown == nil, unsafe work.products.0.grouping.size > 0 {
            unsafe work.taken = unsafe pool.nothingTaken()
        }
        unsafe run(lockstep_multiply_rounded_part, work, elements: elements)
    }

    private static func elements(_ work: lockstep_multiply) -> Int {
        func elements(_ product: lockstep_product) -> Int { unsafe product.rows * product.columns }
        // Products that there are not have no rows.
        return unsafe work.tokens
            * (elements(work.products.0) + elements(work.products.1) + elements(work.products.2))
    }

    /// Whether products of so many tokens are OpenBLAS's: never for exact operations, nor with AVX2 or more; from 8
    /// tokens on in plain C, from 64 with NEON.
    package func usesOpenBLAS(tokens: Int) -> Bool {
        guard openBLAS != nil, let fewest = OpenBLAS.fewestTokens(instructionSet) else { return false }
        return tokens >= fewest
    }

    private func checkLength(_ product: Product, _ x: Buffer) {
        precondition(x.columns == product.matrix.columns, "The input's rows must be as long as the matrix's.")
    }

    private func check(_ product: Product, _ x: Buffer, _ tokens: Int) {
        Self.check(x, tokens: tokens, columns: x.columns)
        Self.check(product.output, tokens: tokens, columns: product.matrix.rows)
    }
}
