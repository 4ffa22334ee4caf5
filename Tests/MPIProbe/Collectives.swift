import Glibc
import MPI

/// Scenarios in which everything works.
struct Collectives {
    let world: Communicator
    private var rank: Int { world.rank }
    private var size: Int { world.size }
    private let lengths = [0, 1, 5, 1000]

    /// Uneven parts: some empty, all but one empty, all empty, all equal.
    private var partitions: [Parts] {
        [
            Parts(counts: (0..<size).map { $0 * 3 % 4 }),
            Parts(counts: (0..<size).map { $0 == size - 1 ? 9 : 0 }),
            Parts(counts: (0..<size).map { $0 == 0 ? 5000 : $0 }),
            Parts(counts: Array(repeating: 0, count: size)),
            Parts(counts: Array(repeating: 4, count: size)),
        ]
    }

    /// What `rank` puts at `index`: different everywhere, and exact as a float in any sum of seven.
    private func value(_ rank: Int, _ index: Int) -> Float {
        Float((rank + 1) * 1000 + index % 997)
    }

    func broadcast() throws -> Int32 {
        for root in 0..<size {
            for length in lengths {
                var values = (0..<length).map { value(rank, $0) }
                var span = values.mutableSpan
                try world.broadcast(&span, from: root)
                try expect("broadcast", values, (0..<length).map { value(root, $0) })
            }
        }
        world.largestPiece = 7
        var values = (0..<100).map { value(rank, $0) }
        var span = values.mutableSpan
        try world.broadcast(&span, from: size - 1)
        try expect("broadcast in pieces", values, (0..<100).map { value(size - 1, $0) })
        return 0
    }

    func broadcastPatiently() throws -> Int32 {
        for root in 0..<size {
            for length in lengths {
                var values = (0..<length).map { value(rank, $0) }
                var span = values.mutableSpan
                try world.broadcastPatiently(&span, from: root)
                try expect("broadcastPatiently", values, (0..<length).map { value(root, $0) })
            }
        }
        try world.barrier()
        let processorTime = clock()
        if rank == 0 { usleep(1_500_000) }
        var values = [value(rank, 0)]
        var span = values.mutableSpan
        try world.broadcastPatiently(&span, from: 0)
        let seconds = Double(clock() - processorTime) / Double(CLOCKS_PER_SEC)
        try expect("broadcastPatiently", values, [value(0, 0)])
        guard seconds < 0.75 else { throw Wrong(description: "waiting for 1.5 s took \(seconds) s of processor time") }
        return 0
    }

    func allReduce() throws -> Int32 {
        for length in lengths + [20000] {
            for piece in [length + 1, 300] {
                world.largestPiece = piece
                try reduce(.sum, length) { index in (0..<size).reduce(0) { $0 + value($1, index) } }
                try reduce(.maximum, length) { value(size - 1, $0) }
                try reduce(.minimum, length) { value(0, $0) }
            }
        }
        return 0
    }

    /// Runs of sums in shared memory without anything between, to which every rank comes late in its turn, up to the
    /// longest and beyond, or of several pieces; meanwhile a message waits to be received.
    func sharedSums() throws -> Int32 {
        guard world.sumsInSharedMemory == (size > 1) else { throw Wrong(description: "no memory is shared") }
        guard size != 2 || world.longestSharedSum == .max else { throw Wrong(description: "two ranks have a limit") }
        let most = min(max(world.longestSharedSum, 100), 60_000)
        for round in 0..<300 {
            func term(_ rank: Int, _ index: Int, _ sum: Int) -> Float { Float(rank * 7 + index % 97 + round + sum) / 3 }
            let length = round % 30 == 29 ? most + round / 30 % 2 : 1 + round * 37 % min(2048, most)
            var vectors = (0..<6).map { sum in (0..<length).map { term(rank, $0, sum) } }
            if round % 10 == 0, round / 10 % size == rank { usleep(500) }
            if rank == 1 { try world.send([value(1, round)].span, to: 0) }
            for sum in vectors.indices {
                var span = vectors[sum].mutableSpan
                try world.allReduce(&span, .sum)
            }
            if rank == 0, size > 1 {
                var message: [Float] = [0]
                var span = message.mutableSpan
                try world.receive(&span, from: 1)
                try expect("message behind shared sums", message, [value(1, round)])
            }
            // Beyond, sums of more than two ranks are MPI's, in an order of its own.
            guard length <= most || size <= 2 else { continue }
            for (sum, vector) in vectors.enumerated() {
                let sums = (0..<length).map { i in (1..<size).reduce(term(0, i, sum)) { $0 + term($1, i, sum) } }
                try expect("shared sum", vector, sums)
            }
        }
        return 0
    }

    /// Every rank brings another length, another multiple of some elements.
    func unlikeSums(of count: Int) throws -> Int32 {
        var values = [Float](repeating: 1, count: (rank + 1) * count)
        var span = values.mutableSpan
        try world.allReduce(&span, .sum)
        return 0
    }

    private func reduce(_ reduction: Reduction, _ length: Int, _ expected: (Int) -> Float) throws {
        var values = (0..<length).map { value(rank, $0) }
        var span = values.mutableSpan
        try world.allReduce(&span, reduction)
        try expect("allReduce \(reduction)", values, (0..<length).map(expected))
    }

    func gather() throws -> Int32 {
        for parts in partitions {
            let own = (0..<parts.counts[rank]).map { value(rank, $0) }
            let expected = (0..<size).flatMap { rank in (0..<parts.counts[rank]).map { value(rank, $0) } }
            var whole = [Float](repeating: -1, count: parts.total)
            var span = whole.mutableSpan
            try world.allGather(own.span, into: &span, parts: parts)
            try expect("allGather \(parts.counts)", whole, expected)

            var inPlace = [Float](repeating: -1, count: parts.total)
            inPlace.replaceSubrange(parts.range(of: rank), with: own)
            span = inPlace.mutableSpan
            try world.allGather(inPlace: &span, parts: parts)
            try expect("allGather in place \(parts.counts)", inPlace, expected)

            for root in 0..<size {
                var atRoot = [Float](repeating: -1, count: rank == root ? parts.total : 0)
                span = atRoot.mutableSpan
                try world.gather(own.span, into: &span, parts: parts, root: root)
                try expect("gather \(parts.counts)", atRoot, rank == root ? expected : [])
            }
        }
        for length in lengths {
            let own = (0..<length).map { value(rank, $0) }
            let expected = (0..<size).flatMap { rank in (0..<length).map { value(rank, $0) } }
            var whole = [Float](repeating: -1, count: length * size)
            var span = whole.mutableSpan
            try world.allGatherEqual(own.span, into: &span)
            try expect("allGatherEqual", whole, expected)
            for root in 0..<size {
                var atRoot = [Float](repeating: -1, count: rank == root ? length * size : 0)
                span = atRoot.mutableSpan
                try world.gather(own.span, into: &span, root: root)
                try expect("gather", atRoot, rank == root ? expected : [])
            }
        }
        return 0
    }

    func exchange() throws -> Int32 {
        for length in lengths {
            let own = (0..<size * length).map { value(rank, $0) }
            let expected = (0..<size).flatMap { sender in
                (rank * length..<(rank + 1) * length).map { value(sender, $0) }
            }
            var received = [Float](repeating: -1, count: size * length)
            var span = received.mutableSpan
            world.traffic = Traffic()
            try world.exchangeEqual(own.span, into: &span)
            try expect("exchangeEqual", received, expected)
            try expect("traffic", world.traffic, Traffic(collectives: 1, byteCount: 4 * size * length))
        }
        return 0
    }

    func reduceScatter() throws -> Int32 {
        for parts in partitions {
            let values = (0..<parts.total).map { value(rank, $0) }
            var part = [Float](repeating: -1, count: parts.counts[rank])
            var span = part.mutableSpan
            try world.reduceScatter(values.span, into: &span, parts: parts, .sum)
            let expected = parts.range(of: rank).map { index in (0..<size).reduce(0) { $0 + value($1, index) } }
            try expect("reduceScatter \(parts.counts)", part, expected)
            span = part.mutableSpan
            try world.reduceScatter(values.span, into: &span, parts: parts, .maximum)
            try expect("reduceScatter \(parts.counts)", part, parts.range(of: rank).map { value(size - 1, $0) })
        }
        return 0
    }

    /// Every pair in both directions, in one piece and in many.
    func messages() throws -> Int32 {
        for length in lengths {
            for piece in [length + 1, 300] {
                world.largestPiece = piece
                for sender in 0..<size {
                    for receiver in 0..<size where receiver != sender {
                        try message(length, from: sender, to: receiver)
                    }
                }
            }
        }
        try expect("traffic", world.traffic, Traffic())
        return 0
    }

    private func message(_ length: Int, from sender: Int, to receiver: Int) throws {
        let sent = (0..<length).map { value(sender, $0 + receiver) }
        if rank == sender { try world.send(sent.span, to: receiver) }
        guard rank == receiver else { return }
        var received = [Float](repeating: -1, count: length)
        var span = received.mutableSpan
        try world.receive(&span, from: sender)
        try expect("message from \(sender)", received, sent)
    }

    /// A message that is longer than its place is refused; the next one arrives.
    func longMessage() throws -> Int32 {
        guard size > 1, rank < 2 else { return 0 }
        if rank == 0 {
            try world.send([Float](repeating: 1, count: 5).span, to: 1)
            try world.send([Float](repeating: 2, count: 5).span, to: 1)
            return 0
        }
        var four = [Float](repeating: 0, count: 4)
        var span = four.mutableSpan
        do {
            try world.receive(&span, from: 0)
        } catch .call(let function, _) {
            try expect("function that failed", function, "MPI_Recv")
            var five = [Float](repeating: 0, count: 5)
            span = five.mutableSpan
            try world.receive(&span, from: 0)
            try expect("second message", five, [Float](repeating: 2, count: 5))
            return 0
        }
        throw Wrong(description: "a message of 5 was received in place of 4")
    }

    /// Splits by the rank's parity, in reverse order, and by host.
    func groups() throws -> Int32 {
        let group = try world.split(color: rank % 2, key: -rank)
        let members = (0..<size).filter { $0 % 2 == rank % 2 }
        try expect("size of the group", group.size, members.count)
        try expect("rank in the group", group.rank, members.reversed().firstIndex(of: rank))
        var sum = [Int64(rank)]
        var span = sum.mutableSpan
        try group.allReduce(&span, .sum)
        try expect("sum in the group", sum, [Int64(members.reduce(0, +))])
        try expect("traffic of the group", group.traffic, Traffic(collectives: 1, byteCount: 8))
        try expect("traffic of all", world.traffic, Traffic())
        let neighbours = try world.ranksOfThisHost()
        try expect("ranks of this host", neighbours.size, world.hosts.count { $0 == world.host })
        let cores = try world.fairCores()
        guard cores >= 1 && cores * size <= max(size, sysconf(Int32(_SC_NPROCESSORS_ONLN))) else {
            throw Wrong(description: "\(cores) cores for each of \(size) ranks")
        }
        return 0
    }

    /// A sum of floats depends on the order of its terms; all ranks must still hold the same bits.
    func sameBits() throws -> Int32 {
        for length in [1, 2, 3, 7, 31, 33, 100, 1023, 1024, 1025, 2500, 4097, 10000, 16384, 20000] {
            var values = (0..<length).map { awkward(rank, $0) }
            var span = values.mutableSpan
            try world.allReduce(&span, .sum)
            let bits = values.map { Int32(bitPattern: $0.bitPattern) }
            var least = bits
            var greatest = bits
            var bitSpan = least.mutableSpan
            try world.allReduce(&bitSpan, .minimum)
            bitSpan = greatest.mutableSpan
            try world.allReduce(&bitSpan, .maximum)
            try expect("bits of a sum of \(length)", least, greatest)
            for index in 0..<length {
                let terms = (0..<size).map { Double(awkward($0, index)) }
                let error = abs(Double(values[index]) - terms.reduce(0, +))
                let magnitude = terms.map(abs).reduce(0, +)
                guard error <= magnitude * 1e-6 else {
                    throw Wrong(description: "sum of \(length): element \(index) is off by \(error)")
                }
            }
        }
        return 0
    }

    /// Floats of very different sizes and both signs, so that every order of summation rounds differently.
    private func awkward(_ rank: Int, _ index: Int) -> Float {
        var state = UInt64(rank * 1_000_003 + index + 1) &* 0x9E37_79B9_7F4A_7C15
        state ^= state >> 29
        state &*= 0xBF58_476D_1CE4_E5B9
        state ^= state >> 32
        let mantissa = Float(state & 0xFF_FFFF) / Float(1 << 24) + 1
        let exponent = Int(state >> 24 & 31) - 16
        return Float(sign: state >> 40 & 1 == 0 ? .plus : .minus, exponent: exponent, significand: mantissa)
    }

    func traffic() throws -> Int32 {
        var ten = [Float](repeating: 1, count: 10)
        let parts = Parts(counts: (0..<size).map { $0 })
        let own = [Double](repeating: 1, count: rank)
        var whole = [Double](repeating: 0, count: parts.total)
        var equal = [UInt8](repeating: 0, count: 3 * size)
        var span = ten.mutableSpan
        try world.allReduce(&span, .sum)
        try world.broadcast(&span, from: 0)
        try world.broadcastPatiently(&span, from: 0)
        var wholeSpan = whole.mutableSpan
        try world.allGather(own.span, into: &wholeSpan, parts: parts)
        try world.allGather(inPlace: &wholeSpan, parts: parts)
        var byteSpan = equal.mutableSpan
        let three: [UInt8] = [1, 2, 3]
        try world.allGatherEqual(three.span, into: &byteSpan)
        try world.gather(three.span, into: &byteSpan, root: 0)
        try world.gather(own.span, into: &wholeSpan, parts: parts, root: size - 1)
        var part = own
        var partSpan = part.mutableSpan
        try world.reduceScatter(whole.span, into: &partSpan, parts: parts, .sum)
        try world.barrier()
        let wholeBytes = size * (size - 1) / 2 * 8
        let expected = Traffic(collectives: 10, byteCount: 3 * 40 + 4 * wholeBytes + 2 * 3 * size)
        try expect("traffic", world.traffic, expected)
        _ = try world.gatherStrings("not counted")
        try world.requireSame("not counted", "", remedy: "")
        try world.together {}
        try expect("traffic after agreements", world.traffic, expected)
        world.traffic = Traffic()
        try world.barrier()
        try expect("traffic after a reset", world.traffic, Traffic(collectives: 1))
        return 0
    }

    /// Parts that 32 bits cannot address are refused on every rank, before anything is sent.
    func tooLong() throws -> Int32 {
        let parts = Parts(counts: (0..<size).map { $0 == 0 ? Int(Int32.max) : 1 })
        let part: [Float] = []
        var none: [Float] = []
        var span = none.mutableSpan
        try refuses("MPI_Allgatherv") { try world.allGather(inPlace: &span, parts: parts) }
        try refuses("MPI_Gatherv") { try world.gather(part.span, into: &span, parts: parts, root: 0) }
        try expect("traffic", world.traffic, Traffic())
        return 0
    }

    private func refuses(_ function: String, _ body: () throws -> Void) throws {
        do {
            try body()
            throw Wrong(description: "nothing was refused")
        } catch let error as MPIError {
            try expect("error", error, .tooLong(function: function, count: Int(Int32.max) + size - 1))
        }
    }

    func types() throws -> Int32 {
        try type(Float.self) { Float($0) }
        try type(Double.self) { Double($0) + 1e-12 * Double($0) }
        try type(Int32.self) { Int32($0) - 8 }
        try type(Int64.self) { Int64($0) << 40 }
        try type(UInt64.self) { UInt64.max - UInt64($0) }
        try type(UInt8.self) { UInt8($0) + 200 }
        return 0
    }

    private func type<T: Element & Comparable>(_ type: T.Type, _ value: (Int) -> T) throws {
        let all = (0..<size).map(value)
        var values = [value(rank)]
        var span = values.mutableSpan
        try world.allReduce(&span, .maximum)
        try expect("maximum of \(type)", values, all.max().map { [$0] })
        values = [value(rank)]
        span = values.mutableSpan
        try world.allReduce(&span, .minimum)
        try expect("minimum of \(type)", values, all.min().map { [$0] })
        var whole = [T](repeating: value(0), count: size)
        span = whole.mutableSpan
        try world.allGatherEqual([value(rank)].span, into: &span)
        try expect("gathered \(type)", whole, all)
    }
}
