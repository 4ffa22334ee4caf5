import Blueprint
import Compute
import MPI
import Partition

/// Products with weights that no cache holds.
extension RankProbe {
    /// Tokens of a chunk.
    static let chunk = 256
    private static let columns = 2048
    private static let fewColumns = 256
    /// Rows of the products of one call, from a small share of a layer to queries, keys and values, and a gate and up.
    private static let tokenCalls = [[64], [256], [1024, 256, 256], [4096, 4096]]

    /// Products of many tokens.
    private struct ChunkCall {
        var tokens = chunk
        var columns = RankProbe.columns
        var rows = [1024, 1024]

        var operationCount: Int { 2 * tokens * columns * rows.reduce(0, +) }
        var resultCount: Int { tokens * rows.reduce(0, +) }
        var inputCount: Int { tokens * columns }
    }

    /// A chunk, and others in which weights, results and inputs are more beside the operations.
    private static let chunkCalls = [
        ChunkCall(), ChunkCall(tokens: 64), ChunkCall(columns: fewColumns), ChunkCall(tokens: 64, rows: [128]),
    ]

    /// Measures every encoding with precise and with fast math; to be called on every rank.
    func measureProducts() throws(MPIError) {
        for encoding in Self.encodings {
            let trial = try world.together { try ProductTrial(self, encoding) }
            // With other weights fast math has the kernels of the precise one.
            for math in Math.allCases where math == .precise || encoding.isRounded { try measure(trial, math) }
        }
    }

    private func measure(_ trial: ProductTrial, _ math: Math) throws(MPIError) {
        let name = Self.name(trial.encoding, math)
        stopwatch.begin(name)
        let operations = operations(math, rounded: trial.rounded)
        // Beside what memory gives at the moment, one token's products always take about the same.
        let reading = try measureReading(trial.arena, trial.weightBytes)
        for rows in Self.tokenCalls {
            let seconds = try stopwatch.secondsPerCall(on: pool) { index in
                trial.multiply(tokens: 1, columns: Self.columns, rows: rows, index: index, operations)
            }
            stopwatch.windows.add(seconds * reading, to: Self.name(name, rows))
        }
        for call in Self.chunkCalls {
            try stopwatch.time(Self.name(name, call), on: pool) { index in
                trial.multiply(tokens: call.tokens, columns: call.columns, rows: call.rows, index: index, operations)
            }
        }
    }

    private static func name(_ encoding: Encoding, _ math: Math) -> String {
        "products \(encoding.name) \(math.rawValue)"
    }

    private static func name(_ products: String, _ rows: [Int]) -> String {
        "\(products), one token, \(rows.reduce(0, +)) rows"
    }

    private static func name(_ products: String, _ call: ChunkCall) -> String {
        "\(products), \(call.tokens) tokens, \(call.rows.reduce(0, +)) rows of \(call.columns)"
    }

    /// What the windows say, for each encoding and math.
    var productProfiles: [ProductProfile] {
        Self.encodings.flatMap { encoding in Math.allCases.map { productProfile(encoding, $0) } }
    }

    private func productProfile(_ encoding: Encoding, _ math: Math) -> ProductProfile {
        let name = Self.name(encoding, encoding.isRounded ? math : .precise)
        func byteCount(_ rows: [Int], _ columns: Int) -> Double {
            Double(rows.reduce(0) { $0 + Arena.byteCount(rows: $1, columns: columns, encoding: encoding) })
        }
        let line = LineFit(
            Self.tokenCalls.map { (byteCount($0, Self.columns), windows.median(Self.name(name, $0)) / readBandwidth) })
        let chunks = TermFit(
            Self.chunkCalls.map { call in
                let amounts = [
                    Double(call.operationCount), byteCount(call.rows, call.columns), Double(call.resultCount),
                    Double(call.inputCount),
                ]
                return (amounts, windows.median(Self.name(name, call)))
            }, least: [1 / fastestPeak, 0, 0, 0])
        return ProductProfile(
            encoding: encoding.name, math: math, tokenBytesPerSecond: 1 / line.slope, tokenSeconds: line.intercept,
            tokenSpread: Self.tokenCalls.map { windows.spread(Self.name(name, $0)) }.max() ?? 0,
            chunkOperationsPerSecond: 1 / chunks.factors[0],
            chunkSecondsPerByte: chunks.factors[1], chunkSecondsPerResult: chunks.factors[2],
            chunkSecondsPerInput: chunks.factors[3],
            chunkSpread: Self.chunkCalls.map { windows.spread(Self.name(name, $0)) }.max() ?? 0)
    }

    /// Weights of one encoding, of which calls take one run of rows after another.
    private struct ProductTrial {
        let encoding: Encoding
        let arena: Arena
        /// Where in it the longer rows lie.
        let weightBytes: Range<Int>
        let rounded: Buffer  // [chunk, bytes / 4]
        private let matrices: [Matrix]  // [rows, columns] and [rows, few columns]
        private let inputs: [Buffer]  // [chunk, columns] and [chunk, few columns]
        private let outputs: [Buffer]  // [chunk, most rows of a product]

        init(_ probe: RankProbe, _ encoding: Encoding) throws(ComputeError) {
            let chunk = RankProbe.chunk
            let calls = RankProbe.tokenCalls + RankProbe.chunkCalls.map(\.rows)
            let (widest, most) = (calls.joined().max() ?? 0, calls.map { $0.reduce(0, +) }.max() ?? 0)
            let shapes = [RankProbe.columns, RankProbe.fewColumns].map { columns in
                let ofPanel = Arena.byteCount(rows: Grouping.panelRows, columns: columns, encoding: encoding)
                return (rows: max(most, probe.trialByteCount / ofPanel * Grouping.panelRows), columns: columns)
            }
            let roundedColumns = Math.roundedByteCount(columns: RankProbe.columns) / MemoryLayout<Float>.size
            let buffers = shapes.map(\.columns) + [roundedColumns, widest, widest, widest]
            let arena = try Arena(
                byteCount: shapes.reduce(0) {
                    $0 + Arena.byteCount(rows: $1.rows, columns: $1.columns, encoding: encoding)
                } + buffers.reduce(0) { $0 + Arena.byteCount(rows: chunk, columns: $1) })
            var (matrices, inputs, outputs): ([Matrix], [Buffer], [Buffer]) = ([], [], [])
            for shape in shapes {
                matrices.append(try arena.matrix(rows: shape.rows, columns: shape.columns, encoding: encoding))
                inputs.append(try arena.buffer(rows: chunk, columns: shape.columns))
            }
            weightBytes = 0..<Arena.byteCount(rows: shapes[0].rows, columns: shapes[0].columns, encoding: encoding)
            self.arena = arena
            rounded = try arena.buffer(rows: chunk, columns: roundedColumns)
            for _ in 0..<3 { outputs.append(try arena.buffer(rows: chunk, columns: widest)) }
            for matrix in matrices { matrix.occupy(on: probe.pool) }
            for input in inputs { input.fillWithWaves() }
            (self.encoding, self.matrices, self.inputs, self.outputs) = (encoding, matrices, inputs, outputs)
        }

        /// Multiplies as the engine does: products of one input in one call.
        func multiply(tokens: Int, columns: Int, rows: [Int], index: Int, _ operations: Operations) {
            let place = columns == RankProbe.columns ? 0 : 1
            let (matrix, sum) = (matrices[place], rows.reduce(0, +))
            let first = index % (matrix.rows / sum) * sum
            func product(_ part: Int) -> Product {
                let start = first + rows[..<part].reduce(0, +)
                return Product(matrix.rows(start..<start + rows[part]), into: outputs[part])
            }
            operations.multiply(
                inputs[place], tokens: tokens, product(0), rows.count > 1 ? product(1) : nil,
                rows.count > 2 ? product(2) : nil)
        }
    }
}

extension Buffer {
    /// Fills it with numbers of the size of activations, of both signs.
    func fillWithWaves() {
        withMutableSpan(rows: rows) { span in
            for index in span.indices { span[index] = Float(index % 251 - 125) / 100 }
        }
    }
}
