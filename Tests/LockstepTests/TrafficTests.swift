import Launching
import Testing
import Weights

extension LockstepTests {
    /// The plan's figures against what was counted at run time.
    @Suite(.serialized) struct TrafficTests {
        static let divisions: [(ranks: Int, options: [String])] =
            [1, 2, 3, 5].flatMap { ranks in
                [[], ["--exact"], ["--split", "padded"], ["--exact", "--split", "padded"]].map { (ranks, $0) }
            } + [(3, ["--shares", "5:3:2"]), (3, ["--shares", "5:3:2", "--exact"])]
            + [2, 3, 7].flatMap { ranks in [(ranks, ["--wire", "bf16"]), (ranks, ["--wire", "q8"])] }

        @Test(arguments: divisions) func aTokenExchangesWhatThePlanSays(ranks: Int, options: [String]) throws {
            let plan: PlanFigures = try decoded(["plan", "--ranks", "\(ranks)", "--json"] + options)
            // Threads of a rank read panels at the borders of their rows as ranks do: each in full.
            let prompt = ["generate", "--prompt", "Alice was", "--max-tokens", "6", "--threads", "1", "--json"]
            let generation: Generation = try decoded(ranks: ranks, prompt + options)
            #expect(generation.generatedTokens == 6)
            #expect(generation.collectivesPerToken == Double(plan.decodedToken.collectives))
            #expect(generation.bytesPerToken == Double(plan.decodedToken.byteCount))
            #expect((plan.decodedToken.collectives == 0) == (ranks == 1))

            let planned = plan.ranks.reduce(0) { $0 + $1.fileByteCount }
            #expect(generation.bytesRead >= planned)
            #expect(try generation.bytesRead <= planned + Self.panelsAtBorders(ranks: ranks))
        }

        /// A panel that a border between two ranks cuts is read by both in full; a border cuts a row of tiles or a
        /// column of them. Tiles are filled up with zeros, which are read along with the rest.
        private static func panelsAtBorders(ranks: Int) throws -> Int {
            try WeightsFile(path: Alice.embedded).tensors.reduce(0) { total, tensor in
                let panels = tensor.panels
                let elements = panels.rowsPerPanel * panels.columnsPerPanel
                let cut = panels.isTiled ? max(panels.panelsDown, panels.panelsAcross) : 1
                let bytesPerElement = tensor.byteCount / tensor.elementCount
                return total + (ranks - 1) * cut * elements * bytesPerElement + tensor.storedByteCount
                    - tensor.byteCount
            }
        }
    }
}
