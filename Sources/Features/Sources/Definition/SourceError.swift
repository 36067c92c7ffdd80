/// Why a source cannot be attached, found or worked on.
package struct SourceError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        case unknownTable
        case unknownColumn
        case badKey
        case badVectorColumn
        case badTemplate
        case alreadyAttached
        case columnTaken
        case nameTaken
        case unknownSource
        case unknownModel
        case tableInTheWay
        /// The table's own users left no moment to change it.
        case tableBusy
        /// The database does not let this role change the table.
        case notAllowed
        case damaged
    }

    package let code: Code
    /// One sentence: what, where, how to fix.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A source's faults are of the setting, not of the moment.
    package var isRetryable: Bool { false }

    package var description: String { message }
}
