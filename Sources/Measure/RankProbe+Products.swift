import Blueprint
import Compute
import MPI
import Partition

/// Products with weights that no cache holds.
extension RankProbe {
    /// Tokens of a chunk.
    static let chunk = 256
    private static let columns = 2048
    /// Rows of the products of one call, from a small share of a layer to queries, keys and values, and a gate and up.
    private static let tokenCalls = [[64], [256], [1024, 256, 256], [4096, 4096]]
    private static let chunkCall = [1024, 1024]

    /// Measures every encoding with precise and with fast math; to be called on every rank.
    func measureProducts() throws(MPIError) -> [ProductProfile] {
        var profiles: [ProductProfile] = []
        for encoding in Self.encodings {
            let trial = try world.together { try ProductTrial(self, encoding) }
            for math in Math.allCases {
                if math == .fast, !encoding.isRounded, var precise = profiles.last {
                    // Such weights are multiplied by the same kernels.
                    precise.math = .fast
                    profiles.append(precise)
                } else {
                    profiles.append(try measure(trial, math))
                }
            }
        }
        return profiles
    }

    private func measure(_ trial: ProductTrial, _ math: Math) throws(MPIError) -> ProductProfile {
        let name = "products \(trial.matrix.encoding.name) \(math.rawValue)"
        stopwatch.begin(name)
        let operations = operations(math, rounded: trial.rounded)
        var points: [(size: Double, seconds: Double)] = []
        for rows in Self.tokenCalls {
            let seconds = try stopwatch.secondsPerCall("\(name), one token") { index in
                trial.multiply(tokens: 1, rows: rows, index: index, operations)
            }
            points.append((Double(trial.byteCount(rows: rows)), seconds))
        }
        let line = LineFit(points)
        let seconds = try stopwatch.secondsPerCall("\(name), \(Self.chunk) tokens") { index in
            trial.multiply(tokens: Self.chunk, rows: Self.chunkCall, index: index, operations)
        }
        let operationCount = 2 * Self.chunk * Self.columns * Self.chunkCall.reduce(0, +)
        return ProductProfile(
            encoding: trial.matrix.encoding.name, math: math, tokenBytesPerSecond: 1 / line.slope,
            tokenSeconds: line.intercept, chunkOperationsPerSecond: Double(operationCount) / seconds)
    }

    /// Weights of one encoding, of which calls take one run of rows after another.
    private struct ProductTrial {
        let matrix: Matrix  // [rows, columns]
        let rounded: Buffer  // [chunk, bytes / 4]
        private let input: Buffer  // [chunk, columns]
        private let outputs: [Buffer]  // [chunk, most rows of a call]

        init(_ probe: RankProbe, _ encoding: Encoding) throws(ComputeError) {
            let (chunk, columns) = (RankProbe.chunk, RankProbe.columns)
            let widest = RankProbe.tokenCalls.joined().max() ?? 0
            let most = RankProbe.tokenCalls.map { $0.reduce(0, +) }.max() ?? 0
            let bytesPerPanel = Arena.byteCount(rows: Grouping.panelRows, columns: columns, encoding: encoding)
            let rows = max(most, probe.trialByteCount / bytesPerPanel * Grouping.panelRows)
            let roundedColumns = Math.roundedByteCount(columns: columns) / MemoryLayout<Float>.size
            let arena = try Arena(
                byteCount: Arena.byteCount(rows: rows, columns: columns, encoding: encoding)
                    + [columns, roundedColumns, widest, widest, widest].reduce(0) {
                        $0 + Arena.byteCount(rows: chunk, columns: $1)
                    })
            matrix = try arena.matrix(rows: rows, columns: columns, encoding: encoding)
            input = try arena.buffer(rows: chunk, columns: columns)
            rounded = try arena.buffer(rows: chunk, columns: roundedColumns)
            outputs = [
                try arena.buffer(rows: chunk, columns: widest), try arena.buffer(rows: chunk, columns: widest),
                try arena.buffer(rows: chunk, columns: widest),
            ]
            matrix.occupy(on: probe.pool)
            input.fillWithWaves()
        }

        /// Bytes of the weights of a call.
        func byteCount(rows: [Int]) -> Int {
            rows.reduce(0) { $0 + Arena.byteCount(rows: $1, columns: matrix.columns, encoding: matrix.encoding) }
        }

        /// Multiplies as the engine does: products of one input in one call.
        func multiply(tokens: Int, rows: [Int], index: Int, _ operations: Operations) {
            let sum = rows.reduce(0, +)
            let first = index % (matrix.rows / sum) * sum
            func product(_ part: Int) -> Product {
                let start = first + rows[..<part].reduce(0, +)
                return Product(matrix.rows(start..<start + rows[part]), into: outputs[part])
            }
            operations.multiply(
                input, tokens: tokens, product(0), rows.count > 1 ? product(1) : nil, rows.count > 2 ? product(2) : nil)
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
