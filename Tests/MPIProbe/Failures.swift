import Glibc
import MPI

/// Scenarios in which ranks disagree, fail, die or hang.
struct Failures {
    let world: Communicator
    private var rank: Int { world.rank }
    private var size: Int { world.size }

    func agreement() throws -> Int32 {
        let texts = try world.gatherStrings(text(rank))
        try expect("gathered strings", texts, (0..<size).map { text($0) })
        try world.requireSame("model hash", "abc", remedy: "copy the model")
        try expect("value of together", try world.together { rank * 2 }, rank * 2)
        return 0
    }

    /// Texts of many lengths, one of them empty.
    private func text(_ rank: Int) -> String {
        String(repeating: "größer 🙂 ", count: rank * rank)
    }

    func mismatch() throws -> Int32 {
        try world.requireSame("model hash", rank == size - 1 ? "beef" : "cafe", remedy: "copy the model again")
        return 0
    }

    func togetherOne() throws -> Int32 {
        try world.together {
            if rank == 1 { throw Wrong(description: "model.h5: no such file") }
        }
        return 0
    }

    func togetherAll() throws -> Int32 {
        try world.together {
            throw Wrong(description: rank == 0 ? "model.h5: no such file" : "model.h5: cut short")
        }
        return 0
    }

    func togetherNested() throws -> Int32 {
        try world.together {
            try world.together { throw Wrong(description: "model.h5: no such file") }
        }
        return 0
    }

    /// Rank 1 expects less than rank 0 sends.
    func cutShort() throws -> Int32 {
        var values = [Float](repeating: 1, count: rank == 1 ? 5 : 10)
        var span = values.mutableSpan
        try world.broadcast(&span, from: 0)
        try world.barrier()
        return 0
    }

    func throwOnOne() throws -> Int32 {
        if rank == 1 { throw Wrong(description: "out of luck") }
        try world.barrier()
        return 0
    }

    /// Goes from step to step until rank 1 does `harm` in its tenth.
    func steps(_ harm: () -> Void) throws -> Int32 {
        try world.watchdog.working {
            for step in 1...20 {
                if rank == 1 && step == 10 { harm() }
                try sum()
                world.watchdog.stepFinished()
            }
        }
        return 0
    }

    private func sum() throws {
        var values: [Float] = [1]
        var span = values.mutableSpan
        try world.allReduce(&span, .sum)
        try expect("sum", values, [Float(size)])
    }

    static func loopForEver() {
        while getpid() > 0 {}
    }

    /// Ranks 0 and 1 talk to each other before rank 1 never comes to a meeting of all.
    func messagesAndLoop() throws -> Int32 {
        var value: [Float] = [1]
        for _ in 0..<5 {
            if rank == 0 { try world.send(value.span, to: 1) }
            var span = value.mutableSpan
            if rank == 1 { try world.receive(&span, from: 0) }
        }
        return try steps { Self.loopForEver() }
    }

    /// Rank 1 believes that the work is done; the others wait for it.
    func returnEarly() throws -> Int32 {
        try world.watchdog.working {
            try sum()
            if rank != 1 { try sum() }
        }
        return 0
    }

    /// Rank 1 waits in the second collective for those who have left it out and are in the third.
    func missCollective() throws -> Int32 {
        let group = try world.split(color: 0, key: rank)
        try world.watchdog.working {
            if rank == 1 { try group.barrier() }
            try world.barrier()
        }
        return 0
    }

    /// Rank 0 waits for longer than the deadline for a request; the others wait for what it will say, and nobody is to
    /// blame.
    func idleForLong() throws -> Int32 {
        try world.watchdog.working {
            try sum()
            world.watchdog.stepFinished()
            if rank == 0 { world.watchdog.idle { _ = usleep(3_500_000) } }
            var order: [Int32] = [rank == 0 ? 42 : 0]
            var span = order.mutableSpan
            try world.broadcastPatiently(&span, from: 0)
            try expect("order", order, [42])
            try sum()
        }
        return 0
    }

    func stopWhileIdle() throws -> Int32 {
        try world.watchdog.working {
            if rank == 0 { world.watchdog.idle { _ = usleep(30_000_000) } }
            if rank == 1 { raise(SIGSTOP) }
            try sum()
        }
        return 0
    }
}
