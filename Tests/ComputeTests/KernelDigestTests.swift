import Compute
import Foundation
import Launching
import Testing

/// Kernels give the same bits on every instruction set, also on those of another kind of processor: a program prints
/// digests of what each gives, line by line.
@Suite(.serialized) struct KernelDigestTests {
    @Test func everyInstructionSetOfThisProcessorGivesTheSameBits() throws {
        let here = [Launch.product("KernelDigests")]
        let forms = try Digests.forms(here)
        // What is precise has the kernels of AVX-512 with AMX too.
        let sets = InstructionSet.supported.filter { $0 != .amx }
        #expect(Set(forms.map { $0[0] }) == Set(sets.map(\.rawValue)))
        #expect(Set(forms.map { $0[1] }).count == DotProduct.supported.count)
        let reference = try Digests(here, ["portable", "portable"], threads: 1)
        #expect(reference.lines.count > 1000)
        for form in forms {
            for threads in [1, 2, 5] {
                let found = try Digests(here, form, threads: threads)
                #expect(found.difference(from: reference) == nil, "\(form), \(threads) threads")
                #expect(found.estimates.allSatisfy { $0.hasSuffix("near") }, "\(form): \(found.estimates)")
            }
        }
    }

    @Test(.enabled(if: Arm.missing.isEmpty, "\(Arm.reasonToSkip)"))
    func armGivesTheSameBits() throws {
        let reference = try Digests([Launch.product("KernelDigests")], ["portable", "portable"], threads: 1)
        try Arm.withProgram { program in
            let newest = Arm.run(program, on: "max")
            let oldest = Arm.run(program, on: "cortex-a53")
            #expect(try Digests.forms(newest) == [["portable", "portable"], ["neon", "neon"]])
            #expect(try Digests.forms(oldest) == [["portable", "portable"], ["neon", "portable"]])
            for threads in [1, 3] {
                let found = try Digests(newest, ["neon", "neon"], threads: threads)
                #expect(found.difference(from: reference) == nil, "dot products, \(threads) threads")
                #expect(!found.estimates.isEmpty && found.estimates.allSatisfy { $0.hasSuffix("near") })
            }
            for set in ["portable", "neon"] {
                let found = try Digests(oldest, [set, "portable"], threads: 1)
                #expect(found.difference(from: reference) == nil, "\(set), on a processor without dot products")
                #expect(found.estimates.isEmpty)
            }
        }
    }
}

/// What the program says of one form of the kernels.
private struct Digests {
    /// What must be the same everywhere.
    let lines: [Substring]
    /// What may differ, and ends in whether it is near enough.
    let estimates: [Substring]

    init(_ program: [String], _ form: [String], threads: Int) throws {
        let launch = try Launch.command(program + form + ["\(threads)"], limit: 120)
        try #require(launch.status == 0, "\(program) \(form): \(launch.errors)")
        let all = launch.output.split(separator: "\n")
        lines = all.filter { !$0.hasPrefix("~") }
        estimates = all.filter { $0.hasPrefix("~") }
    }

    /// What the processor can be asked for: an instruction set and dot products each.
    static func forms(_ program: [String]) throws -> [[String]] {
        let launch = try Launch.command(program, limit: 60)
        try #require(launch.status == 0, "\(program): \(launch.errors)")
        return launch.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    /// The first lines that are not the same.
    func difference(from other: Digests) -> String? {
        guard lines.count == other.lines.count else { return "\(lines.count) lines, not \(other.lines.count)" }
        return zip(lines, other.lines).first { $0 != $1 }.map { "\($0), not \($1)" }
    }
}

/// The program for Arm, run by an emulator.
private enum Arm {
    private static let libraries = URL(filePath: "/usr/aarch64-linux-gnu")
    private static let compilers = URL(filePath: "/usr/lib/gcc-cross/aarch64-linux-gnu")
    private static let emulator = find("qemu-aarch64") ?? find("qemu-aarch64-static")

    /// What such a run needs and does not find, by what Debian calls it.
    static let missing: [String] = [
        find("clang") == nil || find("ld.lld") == nil ? "clang and lld" : nil,
        emulator == nil ? "qemu-user" : nil,
        exists(libraries.appending(path: "include/stdio.h")) ? nil : "libc6-dev-arm64-cross",
        startup == nil ? "libgcc-12-dev-arm64-cross" : nil,
    ].compactMap { $0 }

    static let reasonToSkip = "Arm's kernels were not run: not installed is \(missing.joined(separator: ", "))"

    /// The folder of what every program begins with, of some version of GCC.
    private static var startup: String? {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: compilers.path)) ?? []
        return versions.map { compilers.appending(path: $0) }.first { exists($0.appending(path: "crtbeginT.o")) }?.path
    }

    /// The command that runs a program on an emulated processor.
    static func run(_ program: String, on processor: String) -> [String] {
        [emulator ?? "qemu-aarch64", "-cpu", processor, program]
    }

    /// Compiles the kernels and the program, statically: nothing of the emulated system need be installed.
    static func withProgram(_ body: (String) throws -> Void) throws {
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let kernels = package.appending(path: "Sources/CKernels")
        let sources = try [kernels, package.appending(path: "Tests/KernelDigests")].flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".c") }
                .map { folder.appending(path: $0).path }
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "kernels-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = folder.appending(path: "KernelDigests").path
        let startup = startup ?? ""
        // The kernels' settings in Package.swift, and where the other processor's libraries are.
        let settings = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror"]
        let places = [
            "-I\(kernels.path)/include", "-isystem", "\(libraries.path)/include", "-B\(startup)", "-L\(startup)",
            "-L\(libraries.path)/lib",
        ]
        let launch = try Launch.command(
            ["clang", "--target=aarch64-linux-gnu", "-fuse-ld=lld", "-static"] + settings + places + sources
                + ["-lm", "-o", program], limit: 300)
        try #require(launch.status == 0, "\(launch.errors)")
        try body(program)
    }

    private static func exists(_ file: URL) -> Bool { FileManager.default.fileExists(atPath: file.path) }

    private static func find(_ name: String) -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
