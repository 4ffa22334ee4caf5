import Blueprint
import Compute
import Testing

@Suite struct RecurrenceTests {
    @Test(arguments: [2, 4, 16]) func convolutionsAreTheirDefinitionOverChunks(size: Int) throws {
        let (channels, tokens) = (37, 29)
        let bench = try Workbench(seed: UInt64(size))
        let x = try bench.buffer(tokens, channels, scale: 2)
        let (weight, bias) = (try bench.vector(channels * size), try bench.vector(channels))
        let before = (0..<tokens).map(x.row)
        func input(_ token: Int, _ channel: Int) -> Double { token < 0 ? 0 : Double(before[token][channel]) }
        var bits: Set<[UInt32]> = []
        for operations in everyOperations(threads: [1, 3]) {
            for chunk in [1, 5, tokens] {
                let window = try bench.buffer(size - 1, channels, filledWith: 0)
                let y = try bench.buffer(tokens, channels)
                for token in 0..<tokens { for channel in 0..<channels { y[token, channel] = before[token][channel] } }
                for first in stride(from: 0, to: tokens, by: chunk) {
                    let rows = first..<min(first + chunk, tokens)
                    operations.convolve(
                        y.rows(rows), tokens: rows.count, weight: weight, bias: bias, window: window)
                }
                bits.insert(y.bits + window.bits)
                for (token, channel) in [(0, 0), (1, 5), (size, 20), (tokens - 1, channels - 1)] {
                    let sum = (0..<size).reduce(Double(bias[channel])) {
                        $0 + Double(weight[channel * size + $1]) * input(token - size + 1 + $1, channel)
                    }
                    let exact = sum / (1 + exponential(-sum))
                    #expect(abs(Double(y[token, channel]) - exact) <= 2e-6 * max(1, abs(exact)))
                }
            }
        }
        #expect(bits.count == 1, "Chunks, threads and instruction sets must not change a bit.")
    }

    @Test func unitsHaveTheLengthOfTheirFactor() throws {
        let bench = try Workbench()
        let x = try bench.buffer(9, 3 * 26, scale: 4)
        reference().makeUnit(x, tokens: 9, heads: 3, headSize: 26, epsilon: 1e-6, factor: 0.5)
        for token in 0..<9 {
            for head in 0..<3 {
                let length = x.row(token)[head * 26..<(head + 1) * 26].reduce(0.0) { $0 + Double($1) * Double($1) }
                #expect(abs(length.squareRoot() - 0.5) < 1e-6)
            }
        }
    }

    /// exp(-exp(a) * log(1 + exp(x))) over all that rates may be, against double precision.
    @Test func ratesAreTheirDefinition() throws {
        let bench = try Workbench()
        let inputs: [Float] = [-200, -40, -17, -16.5, -9, -1, -1e-3, 0, 1e-5, 0.3, 1, 5, 12, 19.9, 20.1, 300]
        let count = inputs.count
        let (log, bias) = (try bench.vector(count), try bench.vector(count))
        for index in 0..<count { bias[index] = 0 }
        let x = try bench.buffer(1, count)
        for (index, input) in inputs.enumerated() { x[0, index] = input }
        let steps = try bench.buffer(1, count)
        reference().forget(x, tokens: 1, log: log, bias: bias, steps: steps)
        for (index, input) in inputs.enumerated() {
            let step = softplus(Double(input))
            let decay = exponential(-exponential(Double(log[index])) * step)
            #expect(abs(Double(steps[0, index]) - step) <= 5e-7 * step + 1e-44, "\(input)")
            #expect(abs(Double(x[0, index]) - decay) <= 1e-6 * decay * max(1, step) + 1e-37, "\(input)")
        }
    }

    /// log(1 + exp(x)) by the series of artanh, in double precision.
    private func softplus(_ x: Double) -> Double {
        if x > 40 { return x }
        let e = exponential(x)
        let s = e / (2 + e)
        if e <= 1 {
            let terms = stride(from: 399, to: 0, by: -2).map { $0 }
            return 2 * terms.reduce(0.0) { $0 * s * s + 1 / Double($1) } * s
        }
        return x + softplus(-x)
    }

    /// Both rules, over heads of odd sizes that share what they read, against double precision; then chunks, threads
    /// and instruction sets must give the same bits.
    @Test(arguments: [true, false]) func statesFollowTheirRule(hasDeltaRule: Bool) throws {
        for (heads, size, rows) in [(4, 12, 10), (3, 33, 7), (2, 64, 16), (1, 1, 1), (5, 100, 3)] {
            let tokens = 23
            let map = (0..<heads).map { $0 / 2 }
            let covered = (heads + 1) / 2
            let bench = try Workbench(seed: UInt64(size))
            let (q, k) = (try bench.buffer(tokens, covered * rows), try bench.buffer(tokens, covered * rows))
            reference().makeUnit(k, tokens: tokens, heads: covered, headSize: rows, epsilon: 1e-6, factor: 1)
            let v = try bench.buffer(tokens, heads * size)
            let (decays, steps) = (try bench.buffer(tokens, heads), try bench.buffer(tokens, heads))
            for token in 0..<tokens {
                for head in 0..<heads {
                    decays[token, head] = abs(decays[token, head])
                    steps[token, head] = abs(steps[token, head])
                }
            }
            let skip = try bench.vector(heads)
            func run(_ operations: Operations, chunk: Int) throws -> (o: Buffer, states: Buffer) {
                let states = try bench.buffer(heads, rows * size, filledWith: 0)
                let o = try bench.buffer(tokens, heads * size)
                for first in stride(from: 0, to: tokens, by: chunk) {
                    let range = first..<min(first + chunk, tokens)
                    operations.recur(
                        q: q.rows(range), k: k.rows(range), v: v.rows(range), decays: decays.rows(range),
                        steps: steps.rows(range), hasDeltaRule: hasDeltaRule, covered: HeadMap(map), skip: skip,
                        stateSize: rows, headSize: size, tokens: range.count, states: states, into: o.rows(range))
                }
                return (o, states)
            }
            let found = try run(reference(), chunk: 4)
            for head in 0..<heads {
                var state = Array(repeating: Array(repeating: 0.0, count: size), count: rows)
                for token in 0..<tokens {
                    let keys = (0..<rows).map { Double(k[token, map[head] * rows + $0]) }
                    let (decay, step) = (Double(decays[token, head]), Double(steps[token, head]))
                    for column in 0..<size {
                        let value = Double(v[token, head * size + column])
                        let known =
                            hasDeltaRule ? (0..<rows).reduce(0.0) { $0 + keys[$1] * decay * state[$1][column] } : 0
                        for row in 0..<rows {
                            state[row][column] = decay * state[row][column] + keys[row] * step * (value - known)
                        }
                        let read = (0..<rows).reduce(Double(skip[head]) * value) {
                            $0 + Double(q[token, map[head] * rows + $1]) * state[$1][column]
                        }
                        #expect(abs(Double(found.o[token, head * size + column]) - read) <= 2e-5)
                    }
                }
            }
            for operations in everyOperations(threads: [1, 3]) {
                for chunk in [1, 7, tokens] {
                    let other = try run(operations, chunk: chunk)
                    #expect(firstDifference(other.o.bits, found.o.bits) == nil)
                    #expect(firstDifference(other.states.bits, found.states.bits) == nil)
                }
            }
        }
    }

    @Test func aStateThatIsRestoredGoesOnAsItDid() throws {
        let bench = try Workbench()
        let state = try RecurrentState(
            heads: 2, stateSize: 3, headSize: 5, channels: [6, 6, 10], kernelSize: 4, in: bench.arena)
        #expect(state.count == 2 * 15 + 3 * 22)
        for index in 0..<state.states.columns { state.states[1, index] = Float(index) }
        state.windows[2][2, 9] = 7
        var saved = [Float](repeating: 0, count: state.count + 1)
        state.save(to: &saved, at: 1)
        let (states, window) = (state.states.bits, state.windows[2].bits)
        state.clear()
        #expect(state.states.elements.allSatisfy { $0 == 0 } && state.windows[2].elements.allSatisfy { $0 == 0 })
        state.restore(from: saved, at: 1)
        #expect(state.states.bits == states && state.windows[2].bits == window)
    }
}
