import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync, Visitor } from 'vite'
import { expect, test } from 'vitest'

/**
 * The walls of the house: which room may import what. A room is a folder or a file; the longest
 * name that fits a file decides. Types count as imports. A room may import itself, and every room
 * of the worker `errors.ts` and `lib`. `core/x` stands for `src/core/x`, `x/*` for the files that
 * lie in the folder x itself, and `node:*` for all that Node brings.
 *
 * To let a room import something new, add it here, and say in the commit why the arrow is right.
 */
const ALLOWED: Record<string, readonly string[]> = {
  // The core knows no framework, no disk and no socket: it asks through ports.
  'src/core/ports': [],
  'src/core/model': ['core/ports', 'content-type', 'mime', 'node:crypto'],
  'src/core/runtime': ['core/ports'],
  'src/core/access': ['core/model', 'core/ports', 'node:crypto'],
  'src/core/progress': ['core/model', 'core/ports', 'core/runtime'],
  'src/core/transfers': [
    ...['core/model', 'core/ports', 'core/progress', 'core/runtime', 'node:zlib'],
  ],
  'src/core/downloads': ['core/model', 'core/ports', 'core/runtime', 'node:crypto'],
  'src/core/archives': [
    ...[
      'core/access',
      'core/downloads',
      'core/library',
      'core/model',
      'core/ports',
      'core/runtime',
    ],
    ...['node:crypto', 'node:timers/promises', 'node:zlib'],
  ],
  'src/core/uploads': [
    ...['core/model', 'core/ports', 'core/progress', 'core/runtime', 'core/transfers'],
    'node:crypto',
  ],
  'src/core/library': ['core/library/follow', 'core/model', 'core/ports', 'node:crypto'],
  'src/core/maintenance': ['core/model', 'core/ports', 'core/transfers', 'core/uploads'],
  'src/core/library/follow': ['core/model', 'core/ports', 'core/runtime'],
  // Its jobs wait and try again as transfers do.
  'src/core/library/changes': [
    ...['core/library', 'core/model', 'core/ports', 'core/progress', 'core/runtime'],
    'core/transfers',
  ],
  'src/core/cluster/progress': ['core/ports', 'core/progress'],
  'src/core/shares': ['core/archives', 'core/library', 'core/model', 'core/ports', 'node:crypto'],
  // Who carries what in a cluster, around what a worker that is alone does by itself.
  'src/core/cluster': [
    ...['core/handover', 'core/model', 'core/ports', 'core/runtime', 'core/transfers'],
    'core/uploads',
  ],
  'src/core/handover': [
    ...['core/downloads', 'core/library', 'core/ports', 'core/runtime', 'core/transfers'],
  ],

  // Only http knows Fastify.
  'src/http': [
    ...[
      'core/access',
      'core/archives',
      'core/downloads',
      'core/library',
      'core/model',
      'core/ports',
    ],
    ...['core/progress', 'core/runtime', 'core/shares', 'core/uploads'],
    ...['fastify', '@fastify/*', 'fastify-type-provider-zod', '@tus/server', 'zod'],
    ...['content-disposition', 'content-type', 'node:*'],
  ],
  // Only telegram knows gramjs, and only its lowest storey touches it. Each storey knows those below.
  'src/telegram': [
    ...['src/telegram/mtproto/connection', 'src/telegram/mtproto/account'],
    ...['src/telegram/mtproto/files', 'src/telegram/mtproto/channel'],
    ...['core/model', 'core/ports', 'core/runtime'],
    ...['node-telegram-bot-api', 'zod', 'node:*'],
  ],
  'src/telegram/mtproto/connection': [
    ...['src/telegram/*', 'core/ports', 'telegram', '@mtcute/wasm', 'aes-ige-native'],
    'node:*',
  ],
  'src/telegram/mtproto/account': [
    ...['src/telegram/mtproto/connection', 'src/telegram/*', 'core/ports', 'node:*'],
  ],
  'src/telegram/mtproto/files': [
    ...['src/telegram/mtproto/connection', 'src/telegram/mtproto/account', 'src/telegram/*'],
    ...['core/model', 'core/ports', 'node:*'],
  ],
  'src/telegram/mtproto/channel': [
    ...['src/telegram/mtproto/connection', 'src/telegram/mtproto/account'],
    ...['src/telegram/mtproto/files', 'src/telegram/*', 'core/model', 'core/ports'],
  ],
  'src/storage': ['core/model', 'core/ports', 'node:*'],
  // A cluster's ledger shares with the embedded one what rows say, and asks PostgreSQL.
  // Its spool speaks S3, signed as S3 wants it.
  'src/storage/object-spool': ['src/storage', 'core/model', 'core/ports', 'aws4', 'node:*'],
  'src/storage/postgres': ['src/storage', 'core/model', 'core/ports', 'pg', 'node:*'],
  'src/backend': ['core/ports', 'zod', 'node:*'],
  'src/deployment': ['core/ports', 'zod', 'node:*'],
  'src/metrics': ['core/ports', 'core/progress', 'prom-client'],
  'src/config': ['core/ports', 'zod', 'node:*'],
  // hash-wasm: a SHA-256 that gives its state, for machines without the native module.
  'src/lib': ['content-type', 'aes-ige-native', 'hash-wasm', 'node:*'],
  'src/errors.ts': [],

  // The command line works by the client; only its doctor looks inside the worker.
  'src/cli': ['src/cli/doctor', 'telestore-client', 'node:*'],
  'src/cli/doctor': [
    ...['src/cli', 'src/backend', 'src/cluster/peers', 'src/config', 'src/storage'],
    ...['src/telegram', 'core/ports'],
    'node:*',
  ],
  // The page meets the worker by the client alone, and runs in browsers.
  'src/web': ['telestore-client', 'src/lib/units.ts', 'preact', '@uppy/core', 'uqr'],

  // What puts the rooms together.
  'src/logger.ts': ['pino'],
  'src/terminal-log.ts': ['pino', 'node:*'],
  'src/banner.ts': ['src/config', 'src/terminal-log.ts', 'node:*'],
  'src/embedded-telegram.ts': [
    ...['telegram-emulator', 'src/adapters.ts', 'src/config', 'src/storage', 'core/ports'],
    'node:*',
  ],
  'src/probes.ts': ['core/ports', 'core/runtime', 'src/backend', 'src/telegram'],
  'src/adapters.ts': [
    ...['src/backend', 'src/config', 'src/deployment', 'src/http', 'src/storage', 'src/telegram'],
    ...[
      'src/cluster-storage.ts',
      'src/metrics',
      'src/probes.ts',
      'core/maintenance',
      'core/ports',
      'pino',
    ],
    ...['fastify', 'node:*'],
  ],
  // What nodes of a cluster ask each other.
  'src/cluster/peers': ['core/ports', 'zod', 'node:*'],
  // Telegram for such a node: by itself, or by the one that has the account.
  'src/cluster/gateway': ['core/ports', 'src/telegram', 'zod', 'node:*'],
  // Loaded only by a worker that has a cluster.
  'src/cluster-storage.ts': [
    ...['src/cluster/gateway', 'src/cluster/peers', 'src/config', 'src/metrics', 'src/storage'],
    'src/telegram',
    ...['core/cluster', 'core/maintenance', 'core/ports', 'core/progress', 'node:*'],
  ],
  'src/services.ts': ['src/adapters.ts', 'src/config', 'src/core', 'src/metrics'],
  'src/app.ts': [
    ...['src/adapters.ts', 'src/config', 'src/core', 'src/http', 'src/services.ts', 'fastify'],
  ],
  'src/worker.ts': ['src/*', 'src/config', 'src/http', 'core/ports', 'fastify', 'pino'],
  'src/server.ts': ['src/*', 'src/config'],

  // Products of their own: they know neither each other nor the worker.
  'packages/client/src': ['packages/client/src/lib/sha256.ts'],
  // Asked for at run time: in browsers it hashes by itself.
  'packages/client/src/lib/sha256.ts': ['node:crypto'],
  'packages/client/src/node.ts': ['packages/client/src', 'node:*'],
  'packages/telegram-emulator/src': [
    ...['@mtcute/file-id', '@mtcute/wasm', 'aes-ige-native', 'zod', 'node:*'],
  ],
  'native/src': ['node:*'],
}

const OPEN_TO_THE_WORKER = ['src/errors.ts', 'src/lib']
const MAX_FILES_IN_A_FOLDER = 15

interface Import {
  from: string
  /** A path of the repository, or the name of a package. */
  to: string
}

const root = fileURLToPath(new URL('..', import.meta.url))
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
const present = tracked.split('\n').filter((path) => path !== '' && existsSync(`${root}${path}`))
const sources = present.filter((path) =>
  /^(src|native\/src|packages\/[^/]+\/src)\/.*\.tsx?$/.test(path),
)
const imports = sources.flatMap(importsOf)

test('every import is one that the table allows', () => {
  const forbidden = imports.filter((found) => !isAllowed(found))

  expect(forbidden.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
})

test('every line of the table is a room, and every arrow in it is used', () => {
  const unused = Object.entries(ALLOWED).flatMap(([room, targets]) => {
    const inside = imports.filter(({ from }) => roomOf(from) === room)
    if (!sources.some((file) => roomOf(file) === room)) return [`${room} has no file`]
    return targets
      .filter((target) => !inside.some(({ to }) => fits(to, target)))
      .map((target) => `nothing in ${room} imports ${target}`)
  })

  expect(unused).toEqual([])
})

test('no file imports itself on a detour, types included', () => {
  expect(findCircles(imports)).toEqual([])
})

test(`no folder has more than ${MAX_FILES_IN_A_FOLDER} files`, () => {
  const counts = new Map<string, number>()
  for (const path of present.filter((name) => /^(src|test|packages)\//.test(name))) {
    const folder = posix.dirname(path)
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  const full = [...counts].filter(([, count]) => count > MAX_FILES_IN_A_FOLDER)

  expect(full.map(([folder, count]) => `${folder} has ${count}`)).toEqual([])
})

test.each([
  ["import '../http/server.ts'", 'src/http/server.ts'],
  ["import type { A } from '../http/server.ts'", 'src/http/server.ts'],
  ["import { type A } from '../http/server.ts'", 'src/http/server.ts'],
  ["export * from '../http/server.ts'", 'src/http/server.ts'],
  ["export type { A } from '../http/server.ts'", 'src/http/server.ts'],
  ["await import('../http/server.ts')", 'src/http/server.ts'],
  ["type A = import('../http/server.ts').A", 'src/http/server.ts'],
  ["import fastify = require('fastify')", 'fastify'],
  ["createRequire(import.meta.url)('fastify')", 'fastify'],
  ["new URL('../http/server.ts', import.meta.url)", 'src/http/server.ts'],
  ["import cors from '@fastify/cors/types.js'", '@fastify/cors'],
  ["import fs from 'node:fs/promises'", 'node:fs/promises'],
  ["import fs from 'fs'", 'node:fs'],
  ["process.getBuiltinModule('node:http')", 'node:http'],
  ['await import(name)', 'a name that is computed'],
])('an import in the form `%s` is seen, and core may not make it', (text, to) => {
  const found = importsIn('src/core/example.ts', text)

  expect(found).toEqual([{ from: 'src/core/example.ts', to }])
  expect(found.every(isAllowed)).toBe(false)
})

function importsOf(path: string): Import[] {
  return importsIn(path, readFileSync(`${root}${path}`, 'utf8'))
}

function importsIn(path: string, text: string): Import[] {
  const found: Import[] = []
  const add = (specifier: unknown): void => {
    const name = isLiteral(specifier) ? specifier.value : 'a name that is computed'
    found.push({ from: path, to: targetOf(path, name) })
  }
  const addSource = ({ source }: { source: unknown }): void => {
    if (source !== null) add(source)
  }
  new Visitor({
    ImportDeclaration: addSource,
    ExportNamedDeclaration: addSource,
    ExportAllDeclaration: addSource,
    ImportExpression: addSource,
    TSImportType: addSource,
    TSExternalModuleReference: ({ expression }) => add(expression),
    // What `createRequire` makes, under whatever name, is called at once or named `require`.
    CallExpression: ({ callee, arguments: [first] }) => {
      const makes = callee.type === 'CallExpression' && isNamed(callee.callee, 'createRequire')
      const asks =
        callee.type === 'MemberExpression' && isNamed(callee.property, 'getBuiltinModule')
      if (makes || asks || isNamed(callee, 'require')) add(first)
    },
    // How threads name their entry.
    NewExpression: ({ callee, arguments: [first] }) => {
      if (isNamed(callee, 'URL') && isLiteral(first) && /\.[jt]sx?$/.test(first.value)) add(first)
    },
  }).visit(parseSync(path, text).program)
  return found
}

function isLiteral(node: unknown): node is { value: string } {
  return (
    typeof node === 'object' && node !== null && 'value' in node && typeof node.value === 'string'
  )
}

function isNamed(node: { type: string; name?: unknown }, name: string): boolean {
  return node.type === 'Identifier' && node.name === name
}

function targetOf(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier)
  if (isBuiltin(specifier)) return `node:${specifier.replace(/^node:/, '')}`
  const [scope = '', name = ''] = specifier.split('/')
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}

function roomOf(path: string): string | undefined {
  return Object.keys(ALLOWED)
    .filter((room) => isWithin(path, room))
    .sort((a, b) => b.length - a.length)[0]
}

function isAllowed({ from, to }: Import): boolean {
  const room = roomOf(from)
  if (room === undefined) return false
  // Its own files, but not those of a room inside it: that one has a line of its own.
  if (roomOf(to) === room) return true
  const open = from.startsWith('src/') && !from.startsWith('src/web/') ? OPEN_TO_THE_WORKER : []
  return [...open, ...(ALLOWED[room] ?? [])].some((target) => fits(to, target))
}

/** Whether an import goes where an entry of the table allows it to go. */
function fits(to: string, entry: string): boolean {
  const target = entry.startsWith('core/') ? `src/${entry}` : entry
  if (target === 'node:*') return to.startsWith('node:')
  if (!target.endsWith('/*')) return isWithin(to, target)
  const folder = target.slice(0, -2)
  return posix.dirname(to) === folder
}

function isWithin(path: string, room: string): boolean {
  return path === room || path.startsWith(`${room}/`)
}

/** Groups of files of which each reaches all others (Tarjan's strongly connected components). */
function findCircles(all: Import[]): string[][] {
  const targets = Map.groupBy(all, ({ from }) => from)
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []

  function visit(file: string): void {
    order.set(file, order.size)
    lowest.set(file, order.size - 1)
    open.push(file)
    for (const { to } of targets.get(file) ?? []) {
      if (!order.has(to)) visit(to)
      else if (!open.includes(to)) continue
      lowest.set(file, Math.min(lowest.get(file) ?? 0, lowest.get(to) ?? 0))
    }
    if (lowest.get(file) !== order.get(file)) return
    const circle = open.splice(open.indexOf(file))
    if (circle.length > 1) circles.push(circle)
  }

  for (const file of targets.keys()) if (!order.has(file)) visit(file)
  return circles
}
