import ArgumentParser
import Blueprint
import Weights

/// The options that say how matrices are stored.
struct EncodingOptions: ParsableArguments {
    /// Encodings by the names that people give.
    enum Name: String, EncodingName, ExpressibleByArgument {
        case q4, q8, f16, bf16, f32, keep

        var hasGroups: Bool {
            switch self {
            case .q4, .q8: true
            case .f16, .bf16, .f32, .keep: false
            }
        }
    }

    @Option(
        help: """
            Encoding of the matrices. q4 and q8: integers of 4 and 8 bits in groups, each with the scale that gives \
            the least squared error. keep, the default, leaves each as it is. Norms and biases are kept as they \
            are, or widened by f32.
            """)
    var encoding: Name?

    @Option(help: ArgumentHelp("Another encoding for the embedding.", valueName: "encoding"))
    var embeddingEncoding: Name?

    @Option(help: ArgumentHelp("Another encoding for the head. A tied head is the embedding.", valueName: "encoding"))
    var headEncoding: Name?

    @OptionGroup var grouping: GroupingOptions

    /// The names of those that choose an encoding and are given.
    var given: [String] {
        (encoding != nil ? ["--encoding"] : []) + (embeddingEncoding != nil ? ["--embedding-encoding"] : [])
            + (headEncoding != nil ? ["--head-encoding"] : [])
    }

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
        case .q4: .stored(grouping.encoding(bits: 4))
        case .q8: .stored(grouping.encoding(bits: 8))
        }
    }

    func validate() throws {
        try grouping.check(beside: [encoding, embeddingEncoding, headEncoding])
    }
}
