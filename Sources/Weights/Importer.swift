import Blueprint
public import Compute

/// Makes a weights file of a checkpoint.
public enum Importer {
    /// How far an import is.
    public struct Progress: Sendable, Hashable {
        /// Bytes of the checkpoint that were read and written.
        public let byteCount: Int
        /// Bytes of the checkpoint in all.
        public let totalByteCount: Int
        /// The tensor in work.
        public let tensor: String
    }

    /// Imports a checkpoint.
    ///
    /// Everything that can be checked is, before anything is written: config.json is understood in full, every tensor
    /// it asks for is there in its shape and an encoding that is known, no other is. The file is written under a
    /// temporary name and takes its own, in place of an older one, when it is complete. Memory stays under 100 MB.
    ///
    /// - Parameters:
    ///   - source: the checkpoint's folder or file.
    ///   - destination: the file to write.
    ///   - programVersion: noted in the file.
    ///   - threads: how many read, convert and write at once.
    ///   - instructionSet: what they convert with; all give the same bytes.
    ///   - progress: is told how far it is, after a piece of each thread.
    ///   - isStopped: is asked whether to stop: before there is an unfinished file, once there is, after each piece.
    /// - Throws: ``WeightsError`` for what is wrong with the checkpoint or the place of the file, or when it is
    ///   stopped; no unfinished file is left.
    public static func run(
        source: String, destination: String, encoding: ImportEncoding, programVersion: String, threads: Int = 1,
        instructionSet: InstructionSet = .fastest, progress: (Progress) -> Void = { _ in },
        isStopped: () -> Bool = { false }
    ) throws(WeightsError) -> ImportSummary {
        try run(
            try Checkpoint(source), destination: destination, encoding: encoding, programVersion: programVersion,
            threads: threads, instructionSet: instructionSet, progress: progress, isStopped: isStopped)
    }

    /// Imports a checkpoint that is open.
    package static func run(
        _ checkpoint: Checkpoint, destination: String, encoding: ImportEncoding, programVersion: String,
        threads: Int = 1, instructionSet: InstructionSet = .fastest, progress: (Progress) -> Void = { _ in },
        isStopped: () -> Bool = { false }
    ) throws(WeightsError) -> ImportSummary {
        let blueprint = try checkpoint.blueprint()
        let review = try CheckpointReview(checkpoint, blueprint, encoding, instructionSet)
        let origin = WeightsFileWriter.Origin(
            programVersion: programVersion, sourceName: checkpoint.name, sourceHash: try checkpoint.hash())

        // Asked first: from now on a signal that comes is noticed, and what is begun is put away.
        if isStopped() { throw .stopped(path: destination) }
        var writer = try WeightsFileWriter(
            destination: destination, expecting: expectedByteCount(checkpoint, review))
        if isStopped() { throw .stopped(path: destination) }
        for text in Checkpoint.Text.allCases {
            if let contents = checkpoint.texts[text] { try writer.add(text, contents) }
        }
        var copier = TensorCopier(review.items, threads: threads)
        var warnings: [ImportSummary.Warning] = []
        for item in review.items {
            let tensor = try writer.begin(item.info)
            let findings = try copier.copy(item, to: tensor) { (done) throws(WeightsError) in
                progress(done)
                if isStopped() { throw .stopped(path: destination) }
            }
            try writer.end(tensor)
            if findings != ElementConversion.Findings() {
                warnings.append(
                    ImportSummary.Warning(
                        tensor: item.info.name, nonFiniteCount: findings.nonFiniteCount,
                        overflowCount: findings.overflowCount))
            }
        }
        let modelHash = try writer.finish(origin)
        return summary(destination, checkpoint, review, warnings, modelHash)
    }

    /// A little more than the file will hold.
    private static func expectedByteCount(_ checkpoint: Checkpoint, _ review: CheckpointReview) -> Int {
        let texts = checkpoint.texts.values.reduce(0) { $0 + $1.utf8.count }
        // A page of alignment and a few hundred bytes of description for each array, and 1 MiB for the groups.
        let parts = review.items.flatMap(\.info.parts)
        let tensors = parts.reduce(0) {
            $0 + $1.storedByteCount + ($1.grid.count + $1.grid.bandCount) * 8 + (3 << 12)
        }
        return tensors + texts + (1 << 20)
    }

    private static func summary(
        _ destination: String, _ checkpoint: Checkpoint, _ review: CheckpointReview,
        _ warnings: [ImportSummary.Warning], _ modelHash: String
    ) -> ImportSummary {
        let infos = review.items.map(\.info)
        return ImportSummary(
            path: destination, tensorCount: infos.count,
            parameterCount: infos.reduce(0) { $0 + $1.elementCount },
            byteCounts: Dictionary(infos.map { ($0.encoding, $0.byteCount) }, uniquingKeysWith: +),
            ignored: review.ignored,
            missingTexts: checkpoint.reader.possibleTexts.filter { checkpoint.texts[$0] == nil },
            warnings: warnings, leftovers: PartialFile.leftovers(of: destination), modelHash: modelHash)
    }
}
