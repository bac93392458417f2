/** How often the libraries of their owners have changed, as all nodes of a cluster know it. */
export interface LibraryNewsRecords {
  /** Counts a change of one of the owner's libraries; resolves with how many there are. */
  countLibraryChange: (owner: string) => Promise<number>
  /** How many changes there are, of owners that have any. */
  libraryChanges: (owners: readonly string[]) => Promise<ReadonlyMap<string, number>>
}
