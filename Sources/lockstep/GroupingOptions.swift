import ArgumentParser
import Blueprint

/// Encodings by the names that people give.
protocol EncodingName: RawRepresentable<String>, CaseIterable {
    /// Whether it is integers in groups whose form is to be chosen.
    var hasGroups: Bool { get }
}

/// The options that say what groups of integers look like.
struct GroupingOptions: ParsableArguments {
    /// The types of scales and offsets.
    enum Scale: String, CaseIterable, ExpressibleByArgument {
        case f16, bf16
    }

    @Option(help: ArgumentHelp("Columns of a group of integers: 32, 64 or 128. Default: 32.", valueName: "columns"))
    var group: Int?

    @Option(help: ArgumentHelp("Type of the groups' scales and offsets, f16 or bf16. Default: f16.", valueName: "type"))
    var scales: Scale?

    @Flag(help: "Give each group an offset besides its scale.")
    var offsets = false

    /// The names of those that are given.
    var given: [String] {
        (group != nil ? ["--group"] : []) + (scales != nil ? ["--scales"] : []) + (offsets ? ["--offsets"] : [])
    }

    /// Integers of so many bits, 4, 5, 6 or 8, in such groups.
    func encoding(bits: Int) -> Encoding {
        let scale: Grouping.Scale =
            switch scales ?? .f16 {
            case .f16: .f16
            case .bf16: .bf16
            }
        guard let grouping = Grouping(bits: bits, size: group ?? 32, scale: scale, hasOffsets: offsets) else {
            preconditionFailure("Groups of other sizes are refused with the arguments.")
        }
        return .grouped(grouping)
    }

    /// Refuses them where no encoding has groups to choose.
    ///
    /// - Parameter encodings: those that are given, that of most matrices first.
    func check<Name: EncodingName>(beside encodings: [Name?]) throws {
        guard let option = given.first, !encodings.contains(where: { $0?.hasGroups == true }) else { return }
        let known = Name.allCases.filter(\.hasGroups).map(\.rawValue).sorted()
        throw ValidationError(
            "\(option): expected an encoding in groups, \(known.dropLast().joined(separator: ", ")) or "
                + "\(known.last ?? ""), found \(encodings.first??.rawValue ?? "none"); "
                + "leave the option out or choose such an encoding")
    }

    func validate() throws {
        if let group, ![32, 64, 128].contains(group) {
            throw ValidationError("--group: expected 32, 64 or 128, found \(group); correct the option")
        }
    }
}
