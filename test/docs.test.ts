import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { madeDocuments } from '../scripts/docs/made-documents.ts'
import { Environment } from '../src/config/environment.ts'

/** What people read about the configuration, held against what the worker reads. */

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

const names = Object.keys(Environment.shape).sort()
const defaults: Record<string, unknown> = Environment.parse({})

/** What the schema makes of a documented default; an empty one is unset. */
function meaningOf(name: string, value: string): unknown {
  const given = value === '' ? {} : { [name]: value }
  const parsed: Record<string, unknown> = Environment.parse(given)
  return parsed[name]
}

function expectDefaults(documented: Map<string, string>): void {
  expect([...documented.keys()].sort()).toEqual(names)
  for (const [name, value] of documented) {
    expect([name, meaningOf(name, value)]).toEqual([name, defaults[name]])
  }
}

/** The first capture of each match is a name, the second its value. */
function pairs(text: string, pattern: RegExp): Map<string, string> {
  return new Map([...text.matchAll(pattern)].map(([, name = '', value = '']) => [name, value]))
}

test('the documents that are made of the sources are not stale', async () => {
  const made = await madeDocuments()

  const stale = [...made].filter(([path, text]) => read(path) !== text).map(([path]) => path)

  expect(stale, '`npm run docs` makes them anew').toEqual([])
})

test('the reference of the API shows what each answer has', () => {
  expect(read('docs/api.md')).not.toMatch(/^(\{\}|\| --- (\| --- )+\|\n)\n/m)
})

test('the guide to the configuration names every variable with its default', () => {
  const rows = /^\| `([A-Z\d_]+)` \| (?:`([^`|]*)`)?[^|]*\|/gm
  const documented = pairs(read('docs/configuration.md'), rows)
  // What the configuration computes has no default of the schema.
  for (const name of ['HOST', 'PUBLIC_URL', 'MAX_BYTES_PER_USER']) documented.set(name, '')

  expectDefaults(documented)
})

test('every file of the sources that a document names is there', () => {
  const missing = documents().flatMap((document) =>
    [...read(document).matchAll(/`([\w./-]+\.(?:ts|tsx|md|yaml))`/g)]
      .map(([, path = '']) => path)
      .filter((path) => !isThere(path))
      .map((path) => `${document}: ${path}`),
  )

  expect(missing).toEqual([])
})

test('the README is short', () => {
  expect(read('README.md').split('\n').length).toBeLessThan(180)
})

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  encoding: 'utf8',
}).split('\n')

/** Paths begin at `src` or at the root, or are the end of a path that was named before. */
function isThere(path: string): boolean {
  return tracked.some((file) => file === path || file.endsWith(`/${path}`))
}

describe('.env.example', () => {
  const text = read('.env.example')

  test('names every variable with its default', () => {
    expectDefaults(pairs(text, /^([A-Z\d_]+)=(.*)$/gm))
  })

  test('says what each is for', () => {
    const lines = text.split('\n')
    const bare = lines.filter((line, at) => /^[A-Z\d_]+=/.test(line) && lines[at - 1] === '')
    expect(bare).toEqual([])
  })
})

describe('render.yaml', () => {
  const text = read('render.yaml')
  const variables = pairs(text, /^ +- key: (\w+)\n +(.+)$/gm)

  test('names every variable, with values the worker accepts', () => {
    const ours = names.filter((name) => name !== 'RENDER_EXTERNAL_URL')
    expect([...variables.keys()].sort()).toEqual(ours)
    for (const [name, setting] of variables) {
      const [, value] = /^value: "?(.*?)"?$/.exec(setting) ?? []
      if (value !== undefined) expect(meaningOf(name, value)).toBeDefined()
    }
  })

  test('asks for secrets or makes them, and holds none', () => {
    const secret = /TOKEN|SESSION$|HASH|SECRET|KEY$/
    for (const name of names.filter((each) => secret.test(each))) {
      expect([name, variables.get(name)]).toEqual([
        name,
        expect.stringMatching(/^(sync: false|generateValue: true)$/),
      ])
    }
  })

  test('says what each is for', () => {
    const lines = text.split('\n')
    const bare = lines.filter((line, at) => /- key:/.test(line) && lines[at - 1]?.trim() === '')
    expect(bare).toEqual([])
  })

  test('checks the health where the worker answers it', () => {
    expect(text).toContain('healthCheckPath: /health\n')
  })
})

function documents(): string[] {
  const guides = readdirSync(new URL('../docs', import.meta.url)).filter((name) => /md$/.test(name))
  const front = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'BENCHMARKS.md']
  return [...front, ...guides.map((name) => `docs/${name}`)]
}

test('every link in the documents leads somewhere', () => {
  const dead: string[] = []
  for (const document of documents()) {
    for (const [, link = ''] of read(document).matchAll(/(?:\]\(|src=")(?!https:)([^)"]+)/g)) {
      const [path = '', anchor] = link.split('#')
      const target = new URL(path, new URL(`../${document}`, import.meta.url))
      if (!existsSync(target) || !hasAnchor(readFileSync(target, 'utf8'), anchor)) {
        dead.push(`${document}: ${link}`)
      }
    }
  }
  expect(dead).toEqual([])
})

test('a command that has to be built is named after the build, and every script is one', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const unbuilt: string[] = []
  for (const document of [...documents(), '.env.example']) {
    let isBuilt = false
    for (const line of read(document).split('\n')) {
      if (line.includes('npm run build')) isBuilt = true
      // The image is built.
      const needs = /npx telestore-worker|node dist\//.test(line) && !line.includes('docker')
      if (needs && !isBuilt) unbuilt.push(`${document}: ${line}`)
      for (const [, script = ''] of line.matchAll(/npm run (?:--silent )?([a-z][a-z0-9:]*)/g)) {
        expect([document, script, script in scripts]).toEqual([document, script, true])
      }
    }
  }
  expect(unbuilt).toEqual([])
})

/**
 * Whether a heading has this name: in small letters, without signs, with dashes for blanks; the second
 * of one name has `-1` at its end.
 */
function hasAnchor(text: string, anchor: string | undefined): boolean {
  const seen = new Map<string, number>()
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
    const name = heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
    const times = seen.get(name) ?? 0
    seen.set(name, times + 1)
    return times === 0 ? name : `${name}-${times}`
  })
  return anchor === undefined || headings.includes(anchor)
}

test('the image runs the Node that the project is tested on', () => {
  const { devDependencies } = JSON.parse(read('package.json'))
  expect(read('Dockerfile')).toContain(`ARG NODE=node:${devDependencies.node}-slim\n`)
})

test('the image has every file that the build reads', () => {
  const configs = ['package.json', 'package-lock.json', '.npmrc', 'vite.config.ts']
  for (const name of [...configs, 'tsconfig.json', 'tsconfig.build.json', 'src']) {
    expect(read('Dockerfile')).toMatch(
      new RegExp(`^COPY .*(?<= )${name.replace('.', '\\.')}(?= )`, 'm'),
    )
    expect(read('.dockerignore').split('\n')).toContain(`!${name}`)
  }
})
