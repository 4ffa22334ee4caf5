import Foundation
import Launching
import Testing
import Weights

extension LockstepTests {
    @Suite(.serialized) struct ShowTests {
        @Test func aFileIsDescribed() throws {
            let launch = try lockstep(["show", Alice.embedded])
            #expect(launch.status == 0 && launch.errors.isEmpty)
            for line in [
                "file          \(Alice.embedded)", "architecture  LlamaForCausalLM", "layers        5",
                "width         160", "vocabulary    1021", "context       512", "weights       2.92 MB bf16",
            ] {
                #expect(launch.output.contains(line + "\n"), "\(launch.output)")
            }
            // Without a path it is the embedded model.
            #expect(try lockstep(["show"]).output == launch.output)
        }

        @Test func twoFilesAreRefused() throws {
            let launch = try lockstep(["show", Alice.embedded, "--model", "other.h5"])
            #expect(launch.status == 64 && launch.output.isEmpty)
            #expect(launch.errors.contains("or --model 'other.h5', found both; give one"), "\(launch.errors)")
        }

        @Test func everyTensorIsListed() throws {
            let lines = try lockstep(["show", "--tensors"]).output.split(separator: "\n")
            let tensors = try WeightsFile(path: Alice.embedded).tensors
            #expect(tensors.count == 47)
            for tensor in tensors {
                let found = lines.count { $0.hasPrefix(tensor.name + " ") && $0.contains(" bf16  \(tensor.shape)  ") }
                #expect(found == 1, "\(tensor.name)")
            }
        }

        @Test func aSoundFileIsVerified() throws {
            let launch = try lockstep(["show", "--verify"])
            #expect(launch.status == 0)
            #expect(launch.output.hasSuffix("\nverified      every checksum holds\n"))
        }

        @Test func theEmbeddedModelIsTheImportedCheckpoint() throws {
            let folder = try TemporaryFolder()
            let path = try Alice.imported(Alice.checkpoint.path(percentEncoded: false), in: folder)
            let (imported, embedded) = (try WeightsFile(path: path), try WeightsFile(path: Alice.embedded))
            #expect(imported.modelHash == embedded.modelHash)
            #expect(imported.texts == embedded.texts)
            #expect(imported.tensors == embedded.tensors)
        }
    }
}
