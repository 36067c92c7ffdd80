// swift-tools-version: 6.2
import PackageDescription

/// `PROFILE=core` keeps only the targets that need no network stack (NIO, Hummingbird, gRPC), for a quick loop on the pure parts:
/// `PROFILE=core swift test --scratch-path .build/core`.
let onlyCore = Context.environment["PROFILE"] == "core"

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// The DAG of Docs/Targets.md: dependencies run downward only.
func target(
    _ name: String, _ group: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = [],
    exclude: [String] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/\(group)/\(name)", exclude: exclude,
        resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ group: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(group)/\(name)Tests", swiftSettings: settings)
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
/// The system's C library, as GRDB finds it: statements run on it directly.
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let grpcCore: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport: Target.Dependency = .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let grpcProtobuf: Target.Dependency = .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

var targets: [Target] = [
    .target(name: "CKernels", path: "Sources/Core/CKernels", cSettings: [.unsafeFlags(["-O3"])]),
    target("Core", "Core", [logging], resources: [.embedInCode("Database/Schema")]),
    target("Embedding", "Core", ["CKernels"], resources: [.embedInCode("Models/Manifests")]),
    target("Indexing", "Core", ["CKernels"]),
    target("Messages", "Core", [], resources: [.embedInCode("Texts")]),
    target("Secrets", "Core"),
    target("Sources", "Features", ["Core", "Embedding", logging]),
    target("Search", "Features", ["Core", "Embedding", "Indexing", logging]),
    target("DatabaseSQLite", "Adapters", ["Core", grdb, sqlite, logging]),
    .systemLibrary(
        name: "CPostgres", path: "Sources/Adapters/CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    target("DatabasePostgres", "Adapters", ["Core", "CPostgres", logging]),
    target("InferenceOpenVINO", "Adapters", ["Embedding", "CKernels", logging]),
    .executableTarget(
        name: "bench-index", dependencies: ["Indexing"], path: "Sources/Benchmarks/bench-index",
        swiftSettings: settings),
    .executableTarget(
        name: "bench-queue", dependencies: ["Core", "DatabaseSQLite", "DatabasePostgres", sqlite, logging],
        path: "Sources/Benchmarks/bench-queue", swiftSettings: settings),
    .target(name: "TestCertificates", path: "Tests/Support/TestCertificates", swiftSettings: settings),
    .target(
        name: "TestDatabases", dependencies: ["Core", "DatabaseSQLite", "DatabasePostgres", logging],
        path: "Tests/Support/TestDatabases", swiftSettings: settings),
    tests("Core", "Core", ["Core"]),
    tests("Embedding", "Core", ["Embedding"]),
    tests("Indexing", "Core", ["Indexing"]),
    tests("Messages", "Core", ["Messages"]),
    tests("Secrets", "Core", ["Secrets"]),
    tests("DatabaseSQLite", "Adapters", ["DatabaseSQLite", "Core", logging]),
    tests("DatabasePostgres", "Adapters", ["DatabasePostgres", "TestDatabases", "Core", logging]),
    tests("Stores", "Adapters", ["Core", "TestDatabases", "DatabaseSQLite", "DatabasePostgres", "Sources", logging]),
    tests("InferenceOpenVINO", "Adapters", ["InferenceOpenVINO", "Embedding", "CKernels"]),
    tests("Sources", "Features", ["Sources", "TestDatabases", "Core", "Embedding", logging]),
    tests("Search", "Features", ["Search", "TestDatabases", "Core", "Embedding", "Indexing", logging]),
]

if !onlyCore {
    targets += [
        target("Wire", "Edges", [grpcCore, grpcProtobuf, protobuf], exclude: ["Protos"]),
        target("InferenceRPC", "Adapters", ["Embedding", "Secrets", "Wire", grpcCore, grpcTransport, protobuf]),
        target(
            "Serve", "Edges",
            ["Messages", "Secrets", hummingbird, hummingbirdCore, httpTypes, lifecycle, logging, nioCore, nioSSL],
            resources: [.embedInCode("Page")]),
        tests(
            "Serve", "Edges",
            ["Serve", "Messages", "Secrets", "TestCertificates", httpTypes, nioCore, nioEmbedded, lifecycle, logging]),
        target(
            "Composition", "App",
            [
                "Core", "Embedding", "Indexing", "Messages", "Sources", "Search", "DatabaseSQLite", "DatabasePostgres",
                "InferenceOpenVINO", "InferenceRPC", "Secrets", "Serve", lifecycle, configuration, logging,
                httpClient, systemPackage, nioCore, nioHTTP1, nioSSL, unixSignals,
            ]),
        tests("InferenceRPC", "Adapters", ["InferenceRPC", "Embedding", "Secrets", "TestCertificates"]),
        tests(
            "Composition", "App",
            [
                "Composition", "Core", "DatabaseSQLite", "Embedding", "InferenceRPC", "Messages", "Search", "Secrets",
                "Serve", "Sources", "TestCertificates", "TestDatabases", logging,
            ]),
        tests("millrace", "App", ["millrace"]),
        .executableTarget(
            name: "millrace",
            dependencies: ["Composition", "Core", "Embedding", "Messages", "Serve", "Sources", arguments, logging],
            path: "Sources/App/millrace", swiftSettings: settings),
    ]
}

let package = Package(
    name: "Millrace",
    products: onlyCore ? [] : [.executable(name: "millrace", targets: ["millrace"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.0"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.0"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: targets
)
