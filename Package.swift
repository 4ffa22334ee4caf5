// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Targets that touch raw memory must say so at every use.
let unsafeSettings = swiftSettings + [.strictMemorySafety()]

/// Targets that run once and not for every token: what they take in the memory of a rank counts for more than their
/// time.
let smallSettings = swiftSettings + [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// Kernels are optimised in every configuration, and never contract or reorder floating-point operations:
/// `--exact` promises the same bits from every instruction set.
let kernelSettings: [CSetting] = [
    .unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror"])
]

let package = Package(
    name: "lockstep",
    products: [.executable(name: "lockstep", targets: ["lockstep"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5-serial", providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(name: "CBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CKernels", cSettings: kernelSettings),

        .target(name: "MPI", dependencies: ["CMPI"], swiftSettings: unsafeSettings),
        .target(name: "HDF5", dependencies: ["CHDF5"], swiftSettings: unsafeSettings),
        .target(name: "JSON", swiftSettings: smallSettings),
        .target(name: "Blueprint", dependencies: ["JSON"], swiftSettings: smallSettings),
        .target(name: "Partition", dependencies: ["Blueprint"], swiftSettings: smallSettings),
        .target(name: "Compute", dependencies: ["CKernels", "CBLAS", "Blueprint"], swiftSettings: unsafeSettings),
        .target(
            name: "Weights", dependencies: ["HDF5", "Blueprint", "Partition", "Compute", "JSON"],
            swiftSettings: unsafeSettings),
        .target(name: "Text", dependencies: ["JSON"], swiftSettings: swiftSettings),
        .target(
            name: "Engine", dependencies: ["Blueprint", "Partition", "Compute", "Weights", "MPI", "Text"],
            resources: [.copy("Resources/alice")], swiftSettings: swiftSettings),
        .target(
            name: "Measure", dependencies: ["Engine", "Blueprint", "Compute", "JSON", "MPI", "Partition", "Weights"],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "lockstep",
            dependencies: [
                "Blueprint", "Partition", "Compute", "Weights", "Text", "Engine", "Measure", "MPI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),

        .target(name: "Launching", path: "Tests/Launching", swiftSettings: swiftSettings),
        .executableTarget(
            name: "EngineProbe", dependencies: ["Engine", "Blueprint", "Partition", "Weights", "MPI"],
            path: "Tests/EngineProbe", swiftSettings: swiftSettings),
        .executableTarget(
            name: "MPIProbe", dependencies: ["MPI"], path: "Tests/MPIProbe", swiftSettings: swiftSettings),
        .testTarget(name: "MPITests", dependencies: ["MPI", "MPIProbe", "Launching"], swiftSettings: swiftSettings),
        .testTarget(name: "HDF5Tests", dependencies: ["HDF5", "Launching"], swiftSettings: swiftSettings),
        .testTarget(
            name: "BlueprintTests", dependencies: ["Blueprint"], resources: [.copy("Resources")],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "PartitionTests", dependencies: ["Partition", "Blueprint", "Compute"],
            resources: [.copy("Resources")],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "KernelDigests", dependencies: ["CKernels"], path: "Tests/KernelDigests", cSettings: kernelSettings,
            linkerSettings: [.linkedLibrary("m")]),
        .testTarget(
            name: "ComputeTests", dependencies: ["Compute", "Blueprint", "KernelDigests", "Launching"],
            swiftSettings: unsafeSettings),
        .testTarget(
            name: "TextTests", dependencies: ["Text"], resources: [.copy("Resources")], swiftSettings: swiftSettings),
        .testTarget(
            name: "WeightsTests",
            dependencies: ["Weights", "HDF5", "Blueprint", "Partition", "Compute", "Text", "Launching"],
            resources: [.copy("Resources")], swiftSettings: unsafeSettings),
        .testTarget(
            name: "EngineTests",
            dependencies: ["Engine", "EngineProbe", "Launching", "Blueprint", "Compute", "Weights"],
            resources: [.copy("Resources")], swiftSettings: swiftSettings),
        .testTarget(
            name: "MeasureTests", dependencies: ["Measure", "Engine", "Partition", "Blueprint"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ClusterTests", dependencies: ["lockstep", "Launching"], exclude: ["cluster", "slurm"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "LockstepTests",
            dependencies: ["lockstep", "Launching", "Weights", "HDF5", "Partition", "Blueprint"],
            swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
