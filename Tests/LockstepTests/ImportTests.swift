import Foundation
import Launching
import Testing

extension LockstepTests {
    @Suite(.serialized) struct ImportTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        /// Imports, which must fail with this message and leave nothing behind.
        private func expect(_ source: String, fails message: String) throws {
            let output = folder.path("out")
            try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
            let launch = try lockstep(["import", source, "-o", "\(output)/model.h5"])
            expectFailure(launch, "lockstep: \(source)\(message)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: output).isEmpty)
        }

        @Test func aMissingFolderIsNamed() throws {
            try expect(
                folder.path("none"),
                fails: ": expected a checkpoint folder with config.json, or a GGUF file, found nothing")
        }

        @Test func anInstructionSetThatIsNoneIsRefused() throws {
            let source = try TinyModel().write(to: folder)
            let launch = try Launch.command(
                [Launch.product("lockstep"), "import", source, "-o", folder.path("model.h5")],
                environment: ["LOCKSTEP_ISA": "abacus"])
            expectFailure(launch, "'abacus'")
            #expect(!FileManager.default.fileExists(atPath: folder.path("model.h5")))
        }

        @Test func missingFilesAreNamed() throws {
            let source = try TinyModel().write(to: folder)
            try FileManager.default.removeItem(atPath: "\(source)/model.safetensors")
            try expect(source, fails: ": expected the file 'model.safetensors', found none")
            try FileManager.default.removeItem(atPath: "\(source)/config.json")
            try expect(
                source,
                fails: ": expected a checkpoint folder with config.json, or a GGUF file, found a folder without")
        }

        @Test func elementsOfAnUnknownTypeAreRefusedByName() throws {
            let source = try TinyModel().write(to: folder, type: "I64")
            try expect(
                source,
                fails: "/model.safetensors: 'model.embed_tokens.weight': "
                    + "expected elements in F32, F16 or BF16, found I64; use a checkpoint that is not quantised")
        }

        @Test func anUnexpectedTensorIsNamed() throws {
            let source = try TinyModel().write(to: folder) { $0.append(("model.layers.0.self_attn.sinks", [2])) }
            try expect(
                source,
                fails: ": expected only tensors that config.json asks for, found also "
                    + "'model.layers.0.self_attn.sinks'; this model computes something that is not implemented")
        }

        @Test func aMissingTensorIsNamed() throws {
            let source = try TinyModel().write(to: folder) { $0.removeAll { $0.name == "model.norm.weight" } }
            try expect(
                source, fails: ": expected the tensors that config.json asks for: 'model.norm.weight', found none")
        }

        @Test func aTensorOfAnotherShapeIsNamedWithBoth() throws {
            let source = try TinyModel().write(to: folder) { tensors in
                for index in tensors.indices where tensors[index].name == "model.norm.weight" {
                    tensors[index].shape = [9]
                }
            }
            try expect(source, fails: "/model.safetensors: 'model.norm.weight' is [9], the config says [8]")
        }

        static let wrongTokens: [(file: String, old: String, new: String, message: String)] = [
            (
                "config.json", "\"eos_token_id\": 1", "\"eos_token_id\": [1, 1021]",
                "expected 'eos_token_id' to be tokens of the model, from 0 to 1020, found 1021; correct the file"
            ),
            (
                "generation_config.json", "\"eos_token_id\": 1", "\"eos_token_id\": -1",
                "expected 'eos_token_id' to be tokens of the model, from 0 to 1020, found -1; correct the file"
            ),
            (
                "generation_config.json", "\"eos_token_id\": 1", "\"eos_token_id\": \"one\"",
                "expected an object whose 'eos_token_id' is a token id or a list of them"
            ),
            (
                "tokenizer.json", "        \"ids\": [\n          0\n", "        \"ids\": [\n          5000\n",
                "expected what 'post_processor' puts around a text to be tokens of the model, from 0 to 1020, found 5"
            ),
            (
                "tokenizer.json", "    \"merges\": [\n", "    \"merges\": [[\"none\", \"such\"],\n",
                "model.merges[0]: expected two tokens that are in the vocabulary, as is their merge, found "
            ),
        ]

        @Test(arguments: wrongTokens) func tokensThatTheModelHasNotAreRefused(
            file: String, old: String, new: String, message: String
        ) throws {
            let source = try Alice.copyCheckpoint(to: folder, changing: [file: [(old, new)]])
            let output = folder.path("model.h5")
            let launch = try lockstep(["import", source, "-o", output])
            expectFailure(launch, "lockstep: \(source)/\(file)")
            #expect(launch.errors.contains(message), "\(launch.errors)")
            #expect(!FileManager.default.fileExists(atPath: output))
        }

        @Test func aTokenizerThatIsNotImplementedIsAWarning() throws {
            let source = try TinyModel().write(to: folder)
            try Data(#"{"model":{"type":"Unigram","vocab":[],"unk_id":0}}"#.utf8)
                .write(to: URL(fileURLWithPath: "\(source)/tokenizer.json"))
            let launch = try lockstep(["import", source, "-o", folder.path("model.h5")])
            #expect(launch.status == 0)
            #expect(
                launch.errors.contains("warning: tokenizer.json, model.type: expected 'BPE', found 'Unigram'; "),
                "\(launch.errors)")
        }

        @Test func aTruncatedPartIsRefused() throws {
            let source = try TinyModel().write(to: folder)
            let url = URL(fileURLWithPath: "\(source)/model.safetensors")
            try Data(contentsOf: url).dropLast().write(to: url)
            try expect(source, fails: "/model.safetensors")
        }

        @Test func aPlaceThatCannotBeWrittenIsNamed() throws {
            let source = try TinyModel().write(to: folder)
            let output = folder.path("nowhere/model.h5")
            expectFailure(
                try lockstep(["import", source, "-o", output]),
                "lockstep: \(output): expected a folder that can be written, found no such folder")
        }

        @Test func whatAKilledImportLeftIsNamed() throws {
            let source = try TinyModel().write(to: folder)
            // No process has the greatest number; this one has its own.
            let left = try folder.write("model.h5.partial-\(Int32.max)-7", "")
            _ = try folder.write("model.h5.partial-\(getpid())-7", "")
            _ = try folder.write("model.h5.partial", "")
            let launch = try lockstep(["import", source, "-o", folder.path("model.h5")])
            #expect(launch.status == 0)
            #expect(launch.errors.occurrences(of: "warning: \(left) is left of an import that was killed") == 1)
            #expect(launch.errors.occurrences(of: ".partial") == 1, "\(launch.errors)")
        }

        @Test(arguments: [("TERM", 128 + 15), ("INT", 128 + 2), ("HUP", 128 + 1)] as [(String, Int32)])
        func aStoppedImportLeavesNothing(signal: String, status: Int32) throws {
            // Large enough to be at work for a while.
            let source = try TinyModel(vocabulary: 24_000, width: 512, heads: 8, headSize: 64).write(to: folder)
            let output = folder.path("out")
            try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
            // A process that bash starts in the background would ignore SIGINT. One that was done before anyone looked,
            // on a busy machine, proves nothing: it is started again.
            let script = """
                for attempt in {1..8}; do
                    env --default-signal=INT,HUP "$1" import "$2" -o "$3/model.h5" --encoding q4 &
                    while kill -0 $! && [[ -z $(ls "$3") ]]; do sleep 0.01; done
                    kill -$4 $!
                    wait $! || exit $?
                    rm "$3/model.h5"
                done
                """
            let program = Launch.product("lockstep")
            let launch = try Launch.command(["bash", "-c", script, "bash", program, source, output, signal])
            #expect(launch.status == status, "\(launch.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: output).isEmpty)
            #expect(launch.allProcessesAreGone())
        }

        @Test(arguments: ["f32", "bf16", "f16"]) func anEncodingIsTakenByEveryMatrix(encoding: String) throws {
            let source = try TinyModel().write(to: folder)
            let output = folder.path("model.h5")
            let launch = try lockstep(["import", source, "-o", output, "--encoding", encoding])
            #expect(launch.status == 0, "\(launch.errors)")
            #expect(launch.output.isEmpty)
            let lines = try lockstep(["show", output, "--tensors"]).output.split(separator: "\n")
            let matrices = lines.filter { $0.contains("_proj.weight ") }
            #expect(matrices.count == 7)
            #expect(matrices.allSatisfy { $0.contains(" \(encoding)  [") })
        }

        @Test func aModelNarrowerThanATileRuns() throws {
            let model = try TinyModel().imported(in: folder)
            let arguments = ["generate", "--model", model, "--tokens", "1,2", "--max-tokens", "8", "--exact"]
            let alone = try lockstep(arguments)
            #expect(alone.status == 0, "\(alone.errors)")
            // Without a tokenizer the ids are the product.
            #expect(alone.output.split(separator: ",").count == 8)
            #expect(try lockstep(ranks: 3, arguments).output == alone.output)
        }
    }
}
