import Embedding

/// The functions of OpenVINO's C API that Millrace calls, with the types of `openvino/include/openvino/c` 2026.4.1.
/// A test compares every declaration here with those headers.
///
/// Handles are `OpaquePointer`. Structs passed by pointer are `UnsafeMutableRawPointer` and laid out at the call.
/// `ov_shape_t` is the one struct passed by value; Swift cannot name a C struct in a `@convention(c)` type without a C
/// header, so its two fields stand in its place: the x86-64 and AArch64 calling conventions both pass a struct of two
/// 8-byte integer fields in the registers that two separate arguments would take (System V AMD64 ABI 3.2.3; AAPCS64 6.8.2),
/// as long as registers are left, which with at most five arguments they are.
struct OpenVINOFunctions: Sendable {
    /// `ov_status_e`.
    typealias Status = Int32
    typealias Out = UnsafeMutablePointer<OpaquePointer?>
    typealias Text = UnsafePointer<CChar>
    typealias TextOut = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    typealias Raw = UnsafeMutableRawPointer
    typealias Free = @convention(c) (OpaquePointer?) -> Void

    let getLastErrorMessage: @convention(c) () -> Text?
    let getErrorInfo: @convention(c) (Status) -> Text?
    let free: @convention(c) (Text?) -> Void
    let getVersion: @convention(c) (Raw) -> Status
    let versionFree: @convention(c) (Raw) -> Void

    let coreCreate: @convention(c) (Out) -> Status
    let coreGetProperty: @convention(c) (OpaquePointer, Text, Text, TextOut) -> Status
    let coreReadModel: @convention(c) (OpaquePointer, Text, Text?, Out) -> Status
    let coreCompileModel: @convention(c) (OpaquePointer, OpaquePointer, Text, Int, Raw?, Out) -> Status
    let modelFree: Free

    let compiledModelGetProperty: @convention(c) (OpaquePointer, Text, TextOut) -> Status
    let compiledModelCreateInferRequest: @convention(c) (OpaquePointer, Out) -> Status
    let compiledModelFree: Free

    let inferRequestSetTensor: @convention(c) (OpaquePointer, Text, OpaquePointer) -> Status
    let inferRequestGetTensor: @convention(c) (OpaquePointer, Text, Out) -> Status
    let inferRequestSetCallback: @convention(c) (OpaquePointer, Raw) -> Status
    let inferRequestStartAsync: @convention(c) (OpaquePointer) -> Status
    let inferRequestWait: @convention(c) (OpaquePointer) -> Status
    let inferRequestFree: Free

    /// The shape's rank and extents in place of `ov_shape_t`, see above.
    let tensorCreateFromHostPointer: @convention(c) (UInt32, Int64, UnsafeMutablePointer<Int64>, Raw, Out) -> Status
    let tensorGetByteSize: @convention(c) (OpaquePointer, UnsafeMutablePointer<Int>) -> Status
    let tensorData: @convention(c) (OpaquePointer, UnsafeMutablePointer<Raw?>) -> Status
    let tensorFree: Free

    /// Finds every function with `find`, which is given its name and its Swift type.
    /// - Throws: what `find` throws.
    init(find: (String, Any.Type) throws(EmbeddingError) -> Raw) throws(EmbeddingError) {
        func function<T>(_ name: String, _ type: T.Type = T.self) throws(EmbeddingError) -> T {
            unsafeBitCast(try find(name, type), to: type)
        }
        getLastErrorMessage = try function("ov_get_last_err_msg")
        getErrorInfo = try function("ov_get_error_info")
        free = try function("ov_free")
        getVersion = try function("ov_get_openvino_version")
        versionFree = try function("ov_version_free")
        coreCreate = try function("ov_core_create")
        coreGetProperty = try function("ov_core_get_property")
        coreReadModel = try function("ov_core_read_model")
        coreCompileModel = try function("ov_core_compile_model_props")
        modelFree = try function("ov_model_free")
        compiledModelGetProperty = try function("ov_compiled_model_get_property")
        compiledModelCreateInferRequest = try function("ov_compiled_model_create_infer_request")
        compiledModelFree = try function("ov_compiled_model_free")
        inferRequestSetTensor = try function("ov_infer_request_set_tensor")
        inferRequestGetTensor = try function("ov_infer_request_get_tensor")
        inferRequestSetCallback = try function("ov_infer_request_set_callback")
        inferRequestStartAsync = try function("ov_infer_request_start_async")
        inferRequestWait = try function("ov_infer_request_wait")
        inferRequestFree = try function("ov_infer_request_free")
        tensorCreateFromHostPointer = try function("ov_tensor_create_from_host_ptr")
        tensorGetByteSize = try function("ov_tensor_get_byte_size")
        tensorData = try function("ov_tensor_data")
        tensorFree = try function("ov_tensor_free")
    }
}
