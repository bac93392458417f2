import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** The programs of others that a cluster on one machine needs, by their paths. */
export interface Programs {
  initdb: string
  postgres: string
  haproxy: string
  versitygw: string
}

const WHERE_FROM: Readonly<Record<keyof Programs, string>> = {
  initdb: 'PostgreSQL 14 or newer; Debian: apt-get install postgresql',
  postgres: 'PostgreSQL 14 or newer; Debian: apt-get install postgresql',
  haproxy: 'HAProxy 2.4 or newer; Debian: apt-get install haproxy',
  versitygw:
    'an S3 server; with Go 1.24 or newer:\n' +
    '      go install github.com/versity/versitygw/cmd/versitygw@v1.8.0',
}

/** Where Debian puts PostgreSQL's own programs, which are not in the PATH; the newest first. */
const DEBIAN_POSTGRES = [18, 17, 16, 15, 14].map((version) => `/usr/lib/postgresql/${version}/bin`)
/** Where Debian puts servers, and where `go install` puts what it has made. */
const OTHERS = ['/usr/sbin', '/usr/local/sbin', join(homedir(), 'go/bin')]

/** Finds all of them, or says which are missing and how to get each. */
export function findPrograms(path: string): Programs | { missing: string } {
  const [initdb, postgres, haproxy, versitygw] = [
    find('initdb', path),
    find('postgres', path),
    find('haproxy', path),
    find('versitygw', path),
  ]
  if (initdb && postgres && haproxy && versitygw) return { initdb, postgres, haproxy, versitygw }
  const found = { initdb, postgres, haproxy, versitygw }
  const lines = Object.entries(WHERE_FROM).flatMap(([name, from]) =>
    Reflect.get(found, name) === null ? [`  ${name}: ${from}`] : [],
  )
  return { missing: lines.join('\n') }
}

function find(name: string, path: string): string | null {
  const folders = [...path.split(delimiter), ...DEBIAN_POSTGRES, ...OTHERS]
  return folders.map((folder) => join(folder, name)).find(existsSync) ?? null
}
