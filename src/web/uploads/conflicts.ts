/** What becomes of a file whose folder has one of its name. */
export type ConflictAnswer = 'keep-both' | 'replace' | 'skip'

/** An upload, as far as conflicts go. */
export interface Candidate {
  id: string
  /** Its folder has a file of its name. */
  conflicts: boolean
  /** It is under way, so that a conflict may still come up. */
  leaving: boolean
}

/** What the user has said so far. */
export interface Answers {
  /** Files that the user does not want to be asked about now. */
  postponed: ReadonlySet<string>
  /** The answer for all others of the files that are under way; null: each is asked for. */
  standing: ConflictAnswer | null
}

export const NO_ANSWERS: Answers = { postponed: new Set(), standing: null }

/** The files in conflict that were not postponed, and whether more may come. */
export function openConflicts(
  uploads: readonly Candidate[],
  { postponed }: Answers,
): { ids: readonly string[]; isMoreComing: boolean } {
  const ids = uploads.filter(({ id, conflicts }) => conflicts && !postponed.has(id))
  return { ids: ids.map(({ id }) => id), isMoreComing: uploads.some(({ leaving }) => leaving) }
}

/**
 * Forgets what has had its time: a standing answer when nothing is under way any more, and that a file
 * was postponed once it is tried again. Returns the same answers if nothing is forgotten.
 */
export function withoutOld(answers: Answers, uploads: readonly Candidate[]): Answers {
  const conflicting = new Set(uploads.filter(({ conflicts }) => conflicts).map(({ id }) => id))
  const postponed = new Set([...answers.postponed].filter((id) => conflicting.has(id)))
  const isOver = !uploads.some(({ leaving }) => leaving) && conflicting.size === postponed.size
  const standing = isOver ? null : answers.standing
  if (standing === answers.standing && postponed.size === answers.postponed.size) return answers
  return { postponed, standing }
}

export function postpone(answers: Answers, ids: readonly string[]): Answers {
  return { ...answers, postponed: new Set([...answers.postponed, ...ids]) }
}
