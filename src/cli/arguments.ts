import { parseArgs } from 'node:util'

/** Given on the command line, where others can see it, or in the first line of a file. */
export type Secret = { kind: 'value'; value: string } | { kind: 'file'; path: string }

export interface CommonOptions {
  url: string | null
  token: Secret | null
  json: boolean
  quiet: boolean
}

const ON_CONFLICT = ['keep-both', 'reject', 'replace'] as const
type OnConflict = (typeof ON_CONFLICT)[number]

export type Command =
  | { kind: 'help' }
  | { kind: 'version' }
  | (CommonOptions & {
      kind: 'upload'
      files: string[]
      fileName: string | null
      /** The folder of the library; null: the root, without the folders that files lie in here. */
      folder: string | null
      onConflict: OnConflict | null
      parallel: number
      resume: boolean
      /** Also the files of operating systems, such as .DS_Store. */
      all: boolean
    })
  | (CommonOptions & {
      kind: 'download'
      messageId: number
      output: string | null
      fileName: string | null
      fileId: string | null
      range: { start: number; end?: number } | null
      force: boolean
    })
  /** A path of the channel: a file, or a folder as a tree of files. */
  | (CommonOptions & { kind: 'download-path'; path: string; output: string | null; force: boolean })
  | (CommonOptions & {
      kind: 'download-zip'
      /** Numbers of messages, or one path. */
      sources: string[]
      output: string | null
      fileName: string | null
      force: boolean
    })
  | (CommonOptions & { kind: 'status'; uploadId: string | null })
  | (CommonOptions & {
      kind: 'ls'
      folder: string
      recursive: boolean
      sort: LibrarySort
      reverse: boolean
    })
  | (CommonOptions & { kind: 'find'; words: string[]; folder: string; fileKind: FileKind | null })
  | (CommonOptions & { kind: 'leftovers'; remove: boolean })
  | (CommonOptions & { kind: 'rescan' })
  | (CommonOptions & { kind: 'mv'; sources: string[]; target: string })
  | (CommonOptions & { kind: 'cp'; sources: string[]; target: string })
  | (CommonOptions & { kind: 'rm'; sources: string[]; recursive: boolean })
  | (CommonOptions & { kind: 'mkdir'; folders: string[] })
  | (CommonOptions & {
      kind: 'share'
      /** Numbers of messages, paths of files, or one folder. */
      sources: string[]
      /** Seconds; null: as long as the worker has it by default. */
      expiresIn: number | null
      password: Secret | null
      maxDownloads: number | null
      title: string | null
    })
  | (CommonOptions & { kind: 'shares' })
  /** Ids or links. */
  | (CommonOptions & { kind: 'unshare'; shares: string[] })
  | (CommonOptions & { kind: 'doctor'; force: boolean })

export type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>

/** The command line is wrong; the message says what. */
export class UsageError extends Error {}

const OPTIONS = {
  url: { type: 'string' },
  token: { type: 'string' },
  'token-file': { type: 'string' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean', short: 'q' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  'file-name': { type: 'string' },
  'file-id': { type: 'string' },
  folder: { type: 'string' },
  'on-conflict': { type: 'string' },
  parallel: { type: 'string' },
  'no-resume': { type: 'boolean' },
  all: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  range: { type: 'string' },
  force: { type: 'boolean', short: 'f' },
  zip: { type: 'boolean' },
  recursive: { type: 'boolean', short: 'r' },
  sort: { type: 'string' },
  reverse: { type: 'boolean' },
  kind: { type: 'string' },
  delete: { type: 'boolean' },
  expires: { type: 'string' },
  password: { type: 'string' },
  'password-file': { type: 'string' },
  'max-downloads': { type: 'string' },
  title: { type: 'string' },
} as const

const COMMON = ['url', 'token', 'token-file', 'json', 'quiet', 'help', 'version']
const ALLOWED: Record<string, string[]> = {
  upload: ['file-name', 'folder', 'on-conflict', 'parallel', 'no-resume', 'all'],
  download: ['output', 'file-name', 'file-id', 'range', 'force', 'zip'],
  status: [],
  ls: ['recursive', 'sort', 'reverse'],
  find: ['folder', 'kind'],
  leftovers: ['delete'],
  rescan: [],
  mv: [],
  cp: [],
  rm: ['recursive'],
  mkdir: [],
  share: ['expires', 'password', 'password-file', 'max-downloads', 'title'],
  shares: [],
  unshare: [],
  doctor: ['force'],
}

/** Throws UsageError. */
export function parseCommand(argv: string[]): Command {
  const { values, positionals } = parse(argv)
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  const [name, ...operands] = positionals
  const allowed = ALLOWED[name ?? '']
  if (name === undefined || !allowed) {
    throw new UsageError(name === undefined ? 'no command is given' : `there is no command ${name}`)
  }
  for (const option of Object.keys(values)) {
    if (!COMMON.includes(option) && !allowed.includes(option)) {
      throw new UsageError(`--${option} is no option of ${name}`)
    }
  }
  const common = commonOf(values)
  if (name === 'upload') return { kind: 'upload', ...common, ...uploadOf(values, operands) }
  if (name === 'download') return downloadOf(values, operands, common)
  if (name === 'find') return { kind: 'find', ...common, ...findOf(values, operands) }
  if (name === 'mv' || name === 'cp') return { kind: name, ...common, ...targetOf(name, operands) }
  if (['rm', 'mkdir', 'share', 'unshare'].includes(name)) {
    if (operands.length === 0) throw new UsageError(`${name}: nothing is named`)
  }
  if (name === 'share') return { kind: name, ...common, ...shareOf(values, operands) }
  if (name === 'unshare') return { kind: name, ...common, shares: operands }
  if (name === 'rm' || name === 'mkdir') {
    if (name === 'mkdir') return { kind: name, ...common, folders: operands }
    return { kind: name, ...common, sources: operands, recursive: values.recursive === true }
  }
  if (operands.length > (name === 'status' || name === 'ls' ? 1 : 0)) {
    throw new UsageError(`${name}: ${operands.at(-1)} is one word too many`)
  }
  if (name === 'doctor') return { kind: 'doctor', ...common, force: values.force === true }
  if (name === 'leftovers') return { kind: name, ...common, remove: values.delete === true }
  if (name === 'rescan' || name === 'shares') return { kind: name, ...common }
  if (name === 'ls') return { kind: 'ls', ...common, ...listOf(values, operands[0]) }
  return { kind: 'status', ...common, uploadId: operands[0] ?? null }
}

type Values = ReturnType<typeof parse>['values']

function parse(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function commonOf(values: Values): CommonOptions {
  return {
    url: values.url ?? null,
    token: secretOf(values, 'token'),
    json: values.json === true,
    quiet: values.quiet === true,
  }
}

function secretOf(values: Values, option: 'token' | 'password'): Secret | null {
  const value = values[option]
  const path = values[`${option}-file`]
  if (value !== undefined && path !== undefined) {
    throw new UsageError(`--${option} and --${option}-file are two ways to say one thing`)
  }
  if (value !== undefined) return { kind: 'value', value }
  return path === undefined ? null : { kind: 'file', path }
}

function uploadOf(values: Values, files: string[]) {
  if (files.length === 0) throw new UsageError('upload: no file is named')
  const fileName = values['file-name'] ?? null
  if (fileName !== null && files.length > 1) {
    throw new UsageError('--file-name: several files cannot have one name')
  }
  const parallel = Number(values.parallel ?? 3)
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 16) {
    throw new UsageError('--parallel: expected a whole number from 1 to 16')
  }
  const resume = values['no-resume'] !== true
  const way = values['on-conflict']
  const onConflict = way === undefined ? null : oneOf('--on-conflict', ON_CONFLICT, way)
  const place = { folder: values.folder ?? null, onConflict }
  return { files, fileName, ...place, parallel, resume, all: values.all === true }
}

function downloadOf(values: Values, operands: string[], common: CommonOptions): Command {
  const [what = '', extra] = operands
  const output = values.output ?? null
  const fileName = values['file-name'] ?? null
  const force = values.force === true
  const wrong = operands.find((word) => !isMessage(word) && !word.startsWith('/'))
  if (wrong !== undefined || what === '') {
    throw new UsageError('download: expected the number of a message, or a path such as /Photos')
  }
  if (values.zip) {
    if (operands.length > 1 && !operands.every(isMessage)) {
      throw new UsageError('--zip: expected numbers of messages, or one path')
    }
    refuse(values, '--zip', ['range', 'file-id'])
    return { kind: 'download-zip', ...common, sources: operands, output, fileName, force }
  }
  if (extra !== undefined) throw new UsageError('download: several files need --zip')
  if (!isMessage(what)) {
    refuse(values, what, ['range', 'file-id', 'file-name'])
    return { kind: 'download-path', ...common, path: what, output, force }
  }
  const fileId = values['file-id'] ?? null
  const range = values.range === undefined ? null : rangeOf(values.range)
  const named = { messageId: Number(what), output, fileName, fileId }
  return { kind: 'download', ...common, ...named, range, force }
}

function isMessage(word: string): boolean {
  return /^[1-9]\d{0,9}$/.test(word)
}

function refuse(values: Values, other: string, options: readonly (keyof Values)[]): void {
  const given = options.find((option) => values[option] !== undefined)
  if (given !== undefined) throw new UsageError(`--${given} has no meaning with ${other}`)
}

const SORTS = ['name', 'size', 'date'] as const
const KINDS = ['video', 'audio', 'image', 'document', 'archive', 'other'] as const
type LibrarySort = (typeof SORTS)[number]
type FileKind = (typeof KINDS)[number]

function listOf(values: Values, folder = '/') {
  const sort = oneOf('--sort', SORTS, values.sort ?? 'name')
  return { folder, recursive: values.recursive === true, sort, reverse: values.reverse === true }
}

function findOf(values: Values, words: string[]) {
  if (words.length === 0) throw new UsageError('find: no word is given')
  const fileKind = values.kind === undefined ? null : oneOf('--kind', KINDS, values.kind)
  return { words, folder: values.folder ?? '/', fileKind }
}

function targetOf(name: string, operands: string[]) {
  const sources = operands.slice(0, -1)
  const target = operands.at(-1)
  if (sources.length === 0 || !target) throw new UsageError(`${name}: expected WHAT… and WHERE`)
  return { sources, target }
}

const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400, w: 7 * 86_400 }

function shareOf(values: Values, sources: string[]) {
  const limit = values['max-downloads']
  if (limit !== undefined && !/^[1-9]\d{0,6}$/.test(limit)) {
    throw new UsageError('--max-downloads: expected a whole number from 1 on')
  }
  return {
    sources,
    expiresIn: values.expires === undefined ? null : secondsOf(values.expires),
    password: secretOf(values, 'password'),
    maxDownloads: limit === undefined ? null : Number(limit),
    title: values.title ?? null,
  }
}

function secondsOf(text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([mhdw])$/.exec(text) ?? []
  if (count === undefined)
    throw new UsageError('--expires: expected a time such as 30m, 12h, 7d or 4w')
  return Number(count) * (UNITS[unit] ?? 1)
}

function oneOf<T extends string>(option: string, known: readonly T[], given: string): T {
  const found = known.find((each) => each === given)
  if (found === undefined) throw new UsageError(`${option}: expected ${known.join(', ')}`)
  return found
}

function rangeOf(text: string): { start: number; end?: number } {
  const [, start, end] = /^(\d{1,15})-(\d{1,15})?$/.exec(text) ?? []
  if (start === undefined || (end !== undefined && Number(end) < Number(start))) {
    throw new UsageError('--range: expected FIRST-LAST or FIRST-')
  }
  return { start: Number(start), ...(end !== undefined && { end: Number(end) }) }
}
