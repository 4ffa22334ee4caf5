import ArgumentParser
import Blueprint
import Engine
import Foundation
import Partition
import Weights

/// What a weights file holds.
struct ShowCommand: SoloCommand, ModelArgument {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print what a weights file holds, and check it.")

    @Argument(help: "The weights file. Default: the embedded model.")
    var file: String?

    @Option(help: ArgumentHelp("The same, spelled as in the other commands.", valueName: "file"))
    var model: String?

    @Flag(help: "List every tensor.")
    var tensors = false

    @Flag(help: "Read everything and compare it with its checksums; the exit status is 1 if anything differs.")
    var verify = false

    func run() throws {
        let model = try Model(path: modelPath)
        try Output.product(describe(model))
        if tensors { try Output.product(list(model.file.tensors)) }
        if verify { try check(model.file) }
    }

    func validate() throws { try checkThatModelIsNamedOnce() }

    private func describe(_ model: Model) -> String {
        let (file, blueprint) = (model.file, model.blueprint)
        let sizes = Dictionary(file.tensors.map { ($0.encoding.name, $0.byteCount) }, uniquingKeysWith: +)
            .sorted { $0.key < $1.key }.map { "\(Figure.bytes($0.value)) \($0.key)" }.joined(separator: ", ")
        let texts = file.texts.keys.map(\.rawValue).sorted().joined(separator: ", ")
        return """
            file          \(file.path)
            architecture  \(blueprint.architecture)
            parameters    \(blueprint.parameterCount) in \(Figure.count(file.tensors.count, "tensor"))
            weights       \(sizes)
            layers        \(blueprint.layers.count)
            width         \(blueprint.width)
            vocabulary    \(blueprint.vocabulary)
            context       \(blueprint.maximumContext)
            texts         \(texts)
            source        \(file.sourceName), hash \(file.sourceHash)
            model hash    \(file.modelHash)
            written by    lockstep \(file.programVersion)

            """
    }

    private func list(_ tensors: [TensorInfo]) -> String {
        let longest = tensors.map(\.name.count).max() ?? 0
        return tensors.map { tensor in
            tensor.name.padding(toLength: longest + 2, withPad: " ", startingAt: 0)
                + "\(tensor.encoding.name)  \(tensor.shape)  \(Figure.bytes(tensor.byteCount))\n"
        }.joined()
    }

    private func check(_ file: WeightsFile) throws {
        let bar = ProgressBar("verify")
        let damages = try file.verifyAll { bar.show($0, of: $1) }
        bar.finish()
        for damage in damages { Output.remark("\(damage)") }
        guard damages.isEmpty else { throw ExitCode(1) }
        try Output.product("verified      every checksum holds\n")
    }
}
