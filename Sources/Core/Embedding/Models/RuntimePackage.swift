import FoundationEssentials

/// The inference runtime as data: libraries taken from a pinned wheel, laid into a folder of their own.
package struct RuntimePackage: Codable, Sendable, Equatable {
    /// Version of this format; 1 is the only one so far.
    package let format: Int
    /// Also the name of its folder: `openvino-2026.4.1`.
    package let name: String
    /// The version the library must answer.
    package let version: String
    /// The C library, relative to the folder.
    package let library: String
    /// Which of a version's wheels to take: they differ by Python version only in parts that are not used here.
    package let platform: Platform
    package let wheels: [Wheel]
    package let files: [ModelFile]

    package struct Platform: Codable, Sendable, Equatable {
        package let implementation: String
        package let pythonVersion: String
        package let tag: String
    }

    /// The runtime that this build of Millrace is made for.
    package static let openVINO = try! JSONDecoder().decode(
        RuntimePackage.self, from: Data(PackageResources.openvino_2026_4_1_x86_64_json))
}

extension ModelManifest {
    /// The models that Millrace knows by name.
    package static let builtIn: [ModelManifest] = [
        try! ModelManifest(json: PackageResources.all_minilm_l6_v2_json),
        try! ModelManifest(json: PackageResources.all_minilm_l6_v2_int8_json),
    ]
}
