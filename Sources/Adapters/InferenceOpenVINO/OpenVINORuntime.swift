package import Embedding
import Glibc
import Synchronization

/// The OpenVINO library, loaded once into the process and never unloaded: its threads outlive any handle to it.
package final class OpenVINORuntime: Sendable {
    let functions: OpenVINOFunctions
    /// `ov_core_t`, which is safe for use from any thread.
    let core: Handle

    /// The processor's name as OpenVINO reports it.
    package let processor: String
    /// Whether the processor computes bf16 itself (avx512_bf16 or amx_bf16); without, bf16 would only be slower.
    package let hasBF16: Bool

    private static let loaded = Mutex<[String: OpenVINORuntime]>([:])

    /// The runtime in `folder` (`<deps>/openvino-2026.4.1`), loaded at the first call and shared by later ones.
    /// - Throws: `runtimeMissing` where it is absent, of another version, or cannot be loaded here.
    package static func load(
        folder: String, package runtime: RuntimePackage = .openVINO
    ) throws(EmbeddingError) -> OpenVINORuntime {
        try loaded.withLock { loaded throws(EmbeddingError) in
            let key = folder + "@" + runtime.version
            if let present = loaded[key] { return present }
            let fresh = try OpenVINORuntime(folder: folder, package: runtime)
            loaded[key] = fresh
            return fresh
        }
    }

    private init(folder: String, package runtime: RuntimePackage) throws(EmbeddingError) {
        let path = folder + "/" + runtime.library
        func missing(_ what: String) -> EmbeddingError {
            EmbeddingError(
                .runtimeMissing,
                "The inference runtime OpenVINO \(runtime.version) \(what); fetch it with `millrace models pull NAME`, which brings it with any model."
            )
        }
        guard access(path, R_OK) == 0 else { throw missing("is not at \(path)") }
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            throw missing("at \(path) cannot be loaded (\(dlerror().map { String(cString: $0) } ?? "no reason given"))")
        }
        let functions = try OpenVINOFunctions { (name, _) throws(EmbeddingError) in
            guard let symbol = dlsym(library, name) else { throw missing("at \(path) has no function \(name)") }
            return symbol
        }
        self.functions = functions
        // `ov_version_t`: two strings, the build number first.
        var version: (UnsafePointer<CChar>?, UnsafePointer<CChar>?) = (nil, nil)
        _ = functions.getVersion(&version)
        let build = version.0.map { String(cString: $0) } ?? "unknown"
        functions.versionFree(&version)
        guard build == runtime.version || build.hasPrefix(runtime.version + "-") else {
            throw missing("is asked for, and the library at \(path) is version \(build)")
        }
        var core: OpaquePointer?
        guard functions.coreCreate(&core) == 0, let core else {
            throw missing("at \(path) does not start (\(functions.lastMessage(orStatus: -1)))")
        }
        self.core = Handle(core)
        guard let name = functions.property("FULL_DEVICE_NAME", ofDevice: "CPU", core: core),
            let abilities = functions.property("OPTIMIZATION_CAPABILITIES", ofDevice: "CPU", core: core)
        else { throw missing("at \(path) finds no CPU plugin beside it") }
        processor = name.split(separator: " ").joined(separator: " ")
        hasBF16 = abilities.split(separator: " ").contains("BF16")
    }
}

/// A handle of the C API that may be used from any thread.
struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
}

extension OpenVINOFunctions {
    /// The message of the call that just failed, in one line.
    func lastMessage(orStatus status: Status) -> String {
        if let message = getLastErrorMessage() {
            defer { free(message) }
            let text = String(cString: message).split(whereSeparator: \.isNewline).joined(separator: " ")
            if !text.isEmpty { return text }
        }
        return getErrorInfo(status).map { String(cString: $0) } ?? "status \(status)"
    }

    /// A property of a device as text; nil where it has none or there is no such device.
    func property(_ key: String, ofDevice device: String, core: OpaquePointer) -> String? {
        var value: UnsafeMutablePointer<CChar>?
        guard coreGetProperty(core, device, key, &value) == 0, let value else { return nil }
        defer { free(value) }
        return String(cString: value)
    }

    /// Throws unless `status` says success: `outOfMemory` where the text tells of memory, else `code`.
    func check(
        _ status: Status, _ doing: String, as code: EmbeddingError.Code = .runtimeFailure
    ) throws(EmbeddingError) {
        guard status != 0 else { return }
        let message = lastMessage(orStatus: status)
        let isMemory = Self.tellsOfMemory(message)
        throw EmbeddingError(
            isMemory ? .outOfMemory : code,
            isMemory
                ? "Memory did not suffice while \(doing); use a smaller BATCH_SIZE. (\(message))"
                : "OpenVINO failed while \(doing): \(message)")
    }

    /// Whether an error text is about memory; the C API has no status of its own for it.
    static func tellsOfMemory(_ message: String) -> Bool {
        let text = message.lowercased()
        return ["bad_alloc", "out of memory", "cannot allocate", "failed to allocate", "not enough memory"]
            .contains { text.contains($0) }
    }
}
