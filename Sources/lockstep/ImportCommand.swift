import ArgumentParser
import Blueprint
import Compute
import Engine
import Foundation
import Partition
import Weights

/// A checkpoint into a weights file.
struct ImportCommand: SoloCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a weights file from a Hugging Face checkpoint folder or a GGUF file.",
        discussion: """
            The folder has config.json, one or many *.safetensors files, and the tokenizer's files; a GGUF file says the
            same in its metadata. Everything is checked before anything is written, and the file has its name only when
            it is complete.

              lockstep import ~/my-model -o model.h5 --encoding bf16
              lockstep import ~/my-model -o model.h5 --encoding q4 --head-encoding q8
              lockstep import my-model-Q4_K_M.gguf -o model.h5

            What is quantised already, by mlx-lm or in a GGUF file, is kept bit for bit, or widened by --encoding f32,
            bf16 or f16.
            """)

    @Argument(help: "The folder, or the GGUF file.")
    var source: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The weights file to write.", valueName: "file"))
    var output: String

    @OptionGroup var encodings: EncodingOptions

    func run() throws {
        let instructionSet = try InstructionSet.best
        let checkpoint = try Checkpoint(source)
        let unusedTokenizer = try checkpoint.checkTokens(checkpoint.blueprint())
        let bar = ProgressBar("import")
        let interruption = Interruption()
        // Without effect unless a signal has come: then the process ends here, and no unfinished file is left.
        defer {
            bar.finish()
            interruption.proceed()
        }
        let summary = try Importer.run(
            checkpoint, destination: output, encoding: encodings.choices, programVersion: Lockstep.version,
            threads: ProcessInfo.processInfo.activeProcessorCount, instructionSet: instructionSet,
            progress: { bar.show($0.byteCount, of: $0.totalByteCount) }, isStopped: { interruption.hasCome })
        bar.finish()
        if let unusedTokenizer { Output.line("warning: \(unusedTokenizer); give token ids instead of texts") }
        for warning in summary.warnings { Output.line("warning: \(warning)") }
        for path in summary.leftovers {
            Output.line("warning: \(path) is left of an import that was killed; remove it if no other host writes it")
        }
        if !summary.ignored.isEmpty {
            Output.line("left out, without effect on the text: \(Self.brief(summary.ignored))")
        }
        if !summary.missingTexts.isEmpty {
            let names = summary.missingTexts.map(\.rawValue).joined(separator: ", ")
            Output.remark("not in the source, so not in the file: \(names)")
        }
        let sizes = summary.byteCounts.sorted { $0.key.name < $1.key.name }
            .map { "\(Figure.bytes($0.value)) \($0.key.name)" }.joined(separator: ", ")
        Output.line(
            "\(summary.path): \(Figure.count(summary.tensorCount, "tensor")), \(summary.parameterCount) parameters, "
                + "\(sizes); model hash \(summary.modelHash)")
    }
    /// Names as they are, of many that begin alike the beginning and how many they are.
    private static func brief(_ names: [String]) -> String {
        let most = 12
        guard names.count > most else { return names.joined(separator: ", ") }
        var groups: [String: Int] = [:]
        for name in names { groups[name.split(separator: ".").prefix(3).joined(separator: "."), default: 0] += 1 }
        return groups.sorted { $0.key < $1.key }
            .map { $0.value == 1 ? $0.key : "\($0.key).* (\($0.value) tensors)" }.joined(separator: ", ")
    }

}
