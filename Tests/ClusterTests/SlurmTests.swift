import Foundation
import Launching
import Testing

extension ClusterTests {
    /// The job script under a real Slurm on three hosts.
    @Suite(
        .serialized, .enabled(if: ClusterTests.isLong, ClusterTests.reasonForLong),
        .enabled(if: Cluster.slurmObstacle == nil, "Slurm cannot be started here: \(Cluster.slurmObstacle ?? "")"))
    struct SlurmTests {
        private let cluster: Cluster
        private let model: String

        init() throws {
            cluster = try Cluster(hosts: 3)
            model = try ClusterTests.model(in: cluster, named: "model.h5", context: 400_000)
            let start = try cluster.startSlurm()
            try #require(start.status == 0, "\(start.errors)")
        }

        /// Runs launch/slurm to its end; what it wrote.
        private func job(
            _ arguments: [String], launcher: String, limit: Int = 60,
            whileRunning body: (String) throws -> Void = { _ in }
        ) throws -> (status: Int32, text: String) {
            let shares = try cluster.write("shares", "host1 5\nhost2 3\nhost3 2\n")
            let text = try cluster.write("text-\(launcher)", "")
            let launch = try cluster.slurm(
                ["sbatch", "--wait", "--cpus-per-task=1", "--no-requeue", "-o", text, "launch/slurm"] + arguments
                    + ["--model", model],
                variables: [
                    "LOCKSTEP_SHARES_FILE=\(shares)", "LOCKSTEP_SCRATCH=/run", "LOCKSTEP_LAUNCHER=\(launcher)",
                ], limit: limit, whileRunning: { _ in try body(text) })
            return (launch.status, launch.errors + (try String(contentsOfFile: text, encoding: .utf8)))
        }

        private func expectNothingStaged() throws {
            for host in 1...3 {
                #expect(try cluster.isIdle("host\(host)"))
                let files = try cluster.command(["on", "host\(host)", "ls", "/run"]).output
                #expect(!files.contains("lockstep-"), "host\(host): \(files)")
            }
        }

        @Test(arguments: ["srun", "mpirun"])
        func aJobOnUnevenNodesWritesTheTextOfOneRankAndLeavesNothing(launcher: String) throws {
            let (status, text) = try job(ClusterTests.generate + ["--context", "512"], launcher: launcher)
            #expect(status == 0, "\(text)")
            #expect(text.contains(try ClusterTests.expected.get()), "\(text)")
            #expect(text.contains(" on 3 ranks x 1 thread"), "\(text)")
            try expectNothingStaged()
        }

        @Test(arguments: ["srun", "mpirun"])
        func aRankThatIsKilledEndsTheJobAndLeavesNothing(launcher: String) throws {
            let endless = [
                "generate", "--context", "400000", "--max-tokens", "399000", "--ignore-eos", "--prompt", "Alice was",
            ]
            let (status, text) = try job(endless, launcher: launcher, limit: 50) { path in
                for _ in 0..<200 where try !String(contentsOfFile: path, encoding: .utf8).contains(" beginning") {
                    usleep(100_000)
                }
                try cluster.disturb(["signal", "host2", "KILL", "lockstep"])
            }
            #expect(status != 0 && status != 124, "\(text)")
            try expectNothingStaged()
        }
    }
}
