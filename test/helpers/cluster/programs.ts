import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where Debian puts PostgreSQL's own programs, which are not in the PATH. */
const DEBIAN_POSTGRES = [18, 17, 16, 15].map((version) => `/usr/lib/postgresql/${version}/bin`)
/** Where `go install` puts a program. */
const GO_PROGRAMS = join(homedir(), 'go/bin')

/** The program's path, or null where it is not installed. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...DEBIAN_POSTGRES, GO_PROGRAMS]
  return folders.map((folder) => join(folder, name)).find(existsSync) ?? null
}

/** What a name of a suite says where one of these programs is missing, else nothing. */
export function missingPrograms(...names: string[]): string {
  const missing = names.filter((name) => findProgram(name) === null)
  return missing.length === 0 ? '' : ` (not run: ${missing.join(' and ')} is not installed)`
}
