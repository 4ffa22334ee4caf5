import ArgumentParser
import Blueprint
import Weights

/// The options that say how matrices are stored.
struct EncodingOptions: ParsableArguments {
    /// Encodings by the names that people give.
    enum Name: String, CaseIterable, ExpressibleByArgument {
        case q4, q8, f16, bf16, f32, keep

        /// The bits of grouped integers.
        var bits: Int? {
            switch self {
            case .q4: 4
            case .q8: 8
            case .f16, .bf16, .f32, .keep: nil
            }
        }
    }

    /// The types of scales and offsets.
    enum Scale: String, CaseIterable, ExpressibleByArgument {
        case f16, bf16
    }

    @Option(
        help: """
            Encoding of the matrices. q4 and q8: integers of 4 and 8 bits in groups, each with the scale that gives \
            the least squared error. keep, the default, leaves each as it is. Norms and biases are kept as they are.
            """)
    var encoding: Name?

    @Option(help: ArgumentHelp("Another encoding for the embedding.", valueName: "encoding"))
    var embeddingEncoding: Name?

    @Option(help: ArgumentHelp("Another encoding for the head. A tied head is the embedding.", valueName: "encoding"))
    var headEncoding: Name?

    @Option(help: ArgumentHelp("Columns of a group of q4 and q8: 32, 64 or 128. Default: 32.", valueName: "columns"))
    var group: Int?

    @Option(help: ArgumentHelp("Type of the groups' scales and offsets, f16 or bf16. Default: f16.", valueName: "type"))
    var scales: Scale?

    @Flag(help: "Give each group an offset besides its scale.")
    var offsets = false

    /// What becomes of the matrices.
    var choices: ImportEncoding {
        ImportEncoding(
            choice(encoding ?? .keep), embedding: embeddingEncoding.map(choice), head: headEncoding.map(choice))
    }

    private func choice(_ name: Name) -> ImportEncoding.Choice {
        switch name {
        case .keep: .keep
        case .f32: .stored(.f32)
        case .bf16: .stored(.bf16)
        case .f16: .stored(.f16)
        case .q4: grouped(4)
        case .q8: grouped(8)
        }
    }

    private func grouped(_ bits: Int) -> ImportEncoding.Choice {
        let scale: Grouping.Scale =
            switch scales ?? .f16 {
            case .f16: .f16
            case .bf16: .bf16
            }
        let grouping = Grouping(bits: bits, size: group ?? 32, scale: scale, hasOffsets: offsets)
        return grouping.map { .stored(.grouped($0)) } ?? .keep
    }

    func validate() throws {
        if let group, ![32, 64, 128].contains(group) {
            throw ValidationError("--group: expected 32, 64 or 128, found \(group); correct the option")
        }
        let isGrouped = [encoding, embeddingEncoding, headEncoding].contains { $0?.bits != nil }
        let given =
            (group != nil ? ["--group"] : []) + (scales != nil ? ["--scales"] : []) + (offsets ? ["--offsets"] : [])
        if !isGrouped, let option = given.first {
            throw ValidationError(
                "\(option): expected an encoding in groups, q4 or q8, found \(encoding?.rawValue ?? "none"); "
                    + "leave the option out or choose such an encoding")
        }
    }
}
