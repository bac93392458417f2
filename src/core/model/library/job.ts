import { randomBytes } from 'node:crypto'

const PREFIX = 'library-'

/** The id of a job that changes a library: nobody can guess it, and no upload's id looks like it. */
export function newLibraryJobId(): string {
  return `${PREFIX}${randomBytes(16).toString('base64url')}`
}

/** The key of the job that deletes what an upload has left in its channel. */
export function cleanupJobId(cleanup: number): string {
  return `${PREFIX}cleanup-${cleanup}`
}

/** Whether a job is one that changes a library, and not an upload's. */
export function isLibraryJobId(id: string): boolean {
  return id.startsWith(PREFIX)
}
