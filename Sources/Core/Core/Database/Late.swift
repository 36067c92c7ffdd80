/// What a statement answers that may go to the database together with the next one; see ``Connection/rowsLater(_:_:)``.
package struct Late<Answer> {
    private let fetch: () throws(DatabaseError) -> Answer

    package init(_ fetch: @escaping () throws(DatabaseError) -> Answer) {
        self.fetch = fetch
    }

    /// The answer, for which the database is asked now where it has not been. Call it once.
    package func get() throws(DatabaseError) -> Answer {
        try fetch()
    }

    package func map<Other>(_ transform: @escaping (Answer) throws(DatabaseError) -> Other) -> Late<Other> {
        Late<Other> { () throws(DatabaseError) -> Other in try transform(fetch()) }
    }
}
