extension JobStore {
    /// The two ends of the line of waiting jobs.
    package struct Line: Hashable, Sendable {
        /// The job that is claimed next, or nil where none is available.
        package let next: ID<Job>?
        /// The newest job that lives, or nil where none does.
        package let newest: ID<Job>?

        package init(next: ID<Job>?, newest: ID<Job>?) {
            self.next = next
            self.newest = newest
        }
    }

    /// Looks at the line; two looks into indexes.
    package func line(on connection: any Connection) throws(DatabaseError) -> Line {
        let row = try connection.row(
            .both(
                """
                SELECT (
                        SELECT id FROM \(Table.job)
                        WHERE state = 'available' AND crashes >= 0
                            AND source_id NOT IN (SELECT id FROM \(Table.source) WHERE state = 'suspended')
                        ORDER BY crashes, priority DESC, id LIMIT 1),
                    (SELECT MAX(id) FROM \(Table.job))
                """))
        return Line(
            next: row?[0].integer.map { ID<Job>($0) }, newest: row?[1].integer.map { ID<Job>($0) })
    }
}
