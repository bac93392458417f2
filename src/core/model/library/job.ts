import { randomBytes } from 'node:crypto'

const PREFIX = 'library-'

/** The id of a job that changes a library: nobody can guess it, and no upload's id looks like it. */
export function newLibraryJobId(): string {
  return `${PREFIX}${randomBytes(16).toString('base64url')}`
}

export function isLibraryJobId(id: string): boolean {
  return id.startsWith(PREFIX)
}
