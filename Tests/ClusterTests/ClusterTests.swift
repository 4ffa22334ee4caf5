import Foundation
import Launching
import Testing

/// The program on several hosts, as its users run it. Each test makes hosts of its own.
@Suite(
    .serialized, .enabled(if: Launch.isPossible, "\(Launch.reasonToSkip)"),
    .enabled(if: Cluster.obstacle == nil, "no cluster can be made here: \(Cluster.obstacle ?? "")"))
struct ClusterTests {
    /// Whether tests that take minutes were asked for.
    static let isLong = ProcessInfo.processInfo.environment["LOCKSTEP_CLUSTER_TESTS"] != nil
    /// Why they are skipped otherwise.
    static let reasonForLong: Comment = "they take minutes: LOCKSTEP_CLUSTER_TESTS=1 runs them"

    /// Text that is the same however it is divided.
    static let generate = ["generate", "--exact", "--prompt", "Alice was", "--max-tokens", "24"]

    /// What one rank writes.
    static let expected = Result { try Launch.alone("lockstep", generate).output }

    @Test(arguments: [(2, "2:1"), (3, "5:3:2"), (4, "1:4:2:1")])
    func hostsThatMeetOverTheNetworkWriteTheTextOfOneRank(hosts: Int, shares: String) throws {
        let cluster = try Cluster(hosts: hosts)
        let launch = try cluster.run(hosts: hosts, Self.generate + ["--shares", shares])
        #expect(launch.status == 0, "\(launch.errors)")
        #expect(launch.output == (try Self.expected.get()))
        #expect(launch.errors.contains(" on \(hosts) ranks x 1 thread"), "\(launch.errors)")
    }

    @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "two hosts share a core, a third needs one"))
    func hostsThatShareACoreWriteTheTextOfOneRank() throws {
        let launch = try Cluster(hosts: 3, ["--pin", "0,1,1"]).run(Self.generate)
        #expect(launch.status == 0, "\(launch.errors)")
        #expect(launch.output == (try Self.expected.get()))
    }

    @Test func aLinkOf100MegabitsCarriesTheText() throws {
        let launch = try Cluster(hosts: 3, ["--rate", "1gbit,100mbit"]).run(Self.generate)
        #expect(launch.status == 0, "\(launch.errors)")
        #expect(launch.output == (try Self.expected.get()))
    }

    @Test func aHostWithTooLittleMemoryIsRefusedWithRankAndFigures() throws {
        let cluster = try Cluster(hosts: 3, ["--memory", "4G,256M,4G"])
        let launch = try cluster.run([
            "bench", "--shape", "llama-1b", "--encoding", "bf16", "--shares", "1:1:1", "--prompt", "8",
            "--generate", "1", "--repeat", "1",
        ])
        #expect(launch.status == 1, "\(launch.errors)")
        let pattern = /rank 1( on host2)?: expected to fit in [0-9.]+ MB, found [0-9.]+ .B to hold/
        #expect(launch.errors.contains(pattern), "\(launch.errors)")
        #expect(try cluster.isIdle("host2"))
    }

    @Test func aHostWithAnotherWeightsFileIsNamed() throws {
        let cluster = try Cluster(hosts: 2)
        let models = try (1...2).map { number in
            try Self.model(in: cluster, named: "model-\(number).h5", context: 500 + number)
        }
        // The same path on both hosts, but not the same file.
        for (index, model) in models.enumerated() {
            try cluster.command(["on", "host\(index + 1)", "cp", model, "/run/model.h5"])
        }
        let launch = try cluster.run(hosts: 2, Self.generate + ["--model", "/run/model.h5"])
        #expect(launch.status == 1)
        #expect(
            launch.errors.contains(
                /model: expected the same on all ranks, found that rank 0 on host1 has '\w+', rank 1 on host2 has/),
            "\(launch.errors)")
    }

    @Test func theCheckOfMachinesNamesTheOneWithAnotherWeightsFile() throws {
        let cluster = try Cluster(hosts: 2)
        let model = try Self.model(in: cluster, named: "model.h5", context: 500)
        try cluster.command(["on", "host1", "cp", model, "/run/model.h5"])
        let arguments = [
            "on", "host1", Cluster.path("launch/ssh"), "\(cluster.folder)/hostfile", "--threads", "1", "--",
        ]
        let refused = try cluster.command(arguments + Self.generate + ["--model", "/run/model.h5"])
        #expect(refused.status == 1)
        #expect(refused.errors.contains("launch/ssh: host2: expected an answer, found '"), "\(refused.errors)")
        #expect(!refused.errors.contains("launch/ssh: host1"), "\(refused.errors)")
        let launch = try cluster.command(arguments + Self.generate + ["--model", model])
        #expect(launch.status == 0, "\(launch.errors)")
        #expect(launch.output == (try Self.expected.get()))
    }

    @Test func aJobOfPBSStagesTheFileAndRemovesIt() throws {
        let cluster = try Cluster(hosts: 3)
        let model = try Self.model(in: cluster, named: "model.h5", context: 512)
        let nodes = try cluster.write("nodes", "host1\nhost2\nhost2\n")
        let launch = try cluster.command(
            [
                "on", "host1", "env", "PBS_NODEFILE=\(nodes)", "PBS_O_WORKDIR=\(Cluster.path("."))",
                "LOCKSTEP_SCRATCH=/run", Cluster.path("launch/pbs"),
            ] + Self.generate + ["--model", model])
        #expect(launch.status == 0, "\(launch.errors)")
        #expect(launch.output == (try Self.expected.get()))
        #expect(launch.errors.contains(" on 3 ranks x 8 threads"), "\(launch.errors)")
        for host in ["host1", "host2"] {
            #expect(try !cluster.command(["on", host, "ls", "/run"]).output.contains("lockstep-"))
        }
    }

    /// The small model, as a file in the cluster's folder, as if made for a context of so many tokens.
    static func model(in cluster: Cluster, named name: String, context: Int) throws -> String {
        let source = "\(cluster.folder)/checkpoint-\(context)"
        try FileManager.default.copyItem(atPath: Cluster.path("Tests/EngineTests/Resources/alice"), toPath: source)
        let config = try String(contentsOfFile: "\(source)/config.json", encoding: .utf8)
        let old = "\"max_position_embeddings\": 512"
        try #require(config.contains(old))
        try Data(config.replacingOccurrences(of: old, with: "\"max_position_embeddings\": \(context)").utf8)
            .write(to: URL(fileURLWithPath: "\(source)/config.json"))
        let launch = try Launch.alone("lockstep", ["import", source, "-o", "\(cluster.folder)/\(name)"])
        try #require(launch.status == 0, "\(launch.errors)")
        return "\(cluster.folder)/\(name)"
    }
}
