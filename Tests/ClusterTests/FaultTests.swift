import Foundation
import Launching
import Testing

extension ClusterTests {
    /// Hosts, daemons, ranks and links that fail while all work.
    @Suite(.serialized, .enabled(if: ClusterTests.isLong, ClusterTests.reasonForLong)) struct FaultTests {
        private let cluster: Cluster
        private let model: String

        init() throws {
            cluster = try Cluster(hosts: 3)
            model = try ClusterTests.model(in: cluster, named: "long.h5", context: 400_000)
        }

        /// A generation of so many tokens.
        private func generation(_ tokens: Int, deadline: Int) -> [String] {
            [
                "generate", "--model", model, "--context", "400000", "--max-tokens", "\(tokens)", "--ignore-eos",
                "--prompt", "Alice was", "--exact", "--deadline", "\(deadline)",
            ]
        }

        /// Runs a job that would not end in time, and disturbs it with a command of the cluster's script.
        private func disturbed(by command: [String]) throws -> Launch {
            try cluster.run(generation(399_000, deadline: 5), limit: 40) { job in
                #expect(job.waitForOutput())
                try cluster.disturb(command)
            }
        }

        /// Expects that a job has ended by itself, badly, and has named `words`; `hosts` are free again.
        private func expectEnd(_ launch: Launch, naming words: String, idle hosts: [String]) throws {
            #expect(launch.status != 0 && launch.status != 124, "status \(launch.status): \(launch.errors)")
            #expect(launch.errors.contains(words), "\(launch.errors)")
            for host in hosts { #expect(try cluster.isIdle(host), "\(host)") }
        }

        @Test func aHostThatDiesEndsTheJobAndIsNamed() throws {
            try expectEnd(
                try disturbed(by: ["kill", "host2"]), naming: "host2", idle: ["host1", "host3"])
        }

        @Test func aDaemonThatIsKilledEndsTheJobAndItsHostIsNamed() throws {
            try expectEnd(
                try disturbed(by: ["signal", "host2", "KILL", "orted"]), naming: "on node host2",
                idle: ["host1", "host2", "host3"])
        }

        @Test func aRankThatIsStoppedIsNamedWithItsHost() throws {
            let launch = try disturbed(by: ["signal", "host3", "STOP", "lockstep"])
            try expectEnd(launch, naming: "rank 2 on host3 did not answer", idle: ["host1", "host2", "host3"])
            #expect(launch.status == 1)
        }

        @Test func aRankThatIsKilledIsNamedWithItsHost() throws {
            let launch = try disturbed(by: ["signal", "host3", "KILL", "lockstep"])
            try expectEnd(launch, naming: "on node host3 exited on", idle: ["host1", "host2", "host3"])
            #expect(launch.status == 137)
        }

        @Test func aLinkThatIsCutEndsTheJobAndItsHostIsNamed() throws {
            try expectEnd(
                try disturbed(by: ["link", "host2", "down"]), naming: "host2", idle: ["host1", "host2", "host3"])
        }

        @Test func anOutageShorterThanTheDeadlineIsSurvived() throws {
            // Long enough that the job still runs when the link goes.
            let command = generation(3000, deadline: 30)
            let launch = try cluster.run(command, limit: 120) { job in
                #expect(job.waitForOutput())
                try cluster.disturb(["link", "host2", "down"])
                usleep(2_000_000)
                try cluster.disturb(["link", "host2", "up"])
            }
            #expect(launch.status == 0, "\(launch.errors)")
            let alone = try Launch.alone("lockstep", command, limit: 120)
            #expect(launch.output == alone.output)
        }
    }
}
