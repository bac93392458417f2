import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { createMethodTable } from '../src/api/method-table.ts'
import { botMethods } from '../src/bot-api/method-table.ts'
import { controlRoutes } from '../src/control/routes.ts'
import { action, effect, settingsChange } from '../src/control/schemas.ts'
import { DEFAULT_SETTINGS, TELEGRAM_LIMITS } from '../src/settings.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = await readFile(join(root, 'README.md'), 'utf8')

test('the lists of methods are those of the code', () => {
  const { open, methods } = createMethodTable()

  expect(codeIn(section('### MTProto'), /^[a-z]+\.\w+$/)).toEqual(sorted({ ...open, ...methods }))
  expect(codeIn(section('### Bot API'), /^[a-z]+[A-Z]\w+$/)).toEqual(sorted(botMethods))
})

test('every setting is listed with its default, and can be changed by the control endpoint', () => {
  const listed = [...section('## Settings').matchAll(/^\| `(\w+)` +\| `([^`]*)` +\|/gm)]
  const defaults = listed.map(([, name, value]) => [name, value?.replaceAll("'", '"')])

  expect(Object.fromEntries(defaults)).toEqual(
    Object.fromEntries(
      Object.entries(DEFAULT_SETTINGS).map(([name, value]) => [name, JSON.stringify(value)]),
    ),
  )
  expect(Object.keys(settingsChange.shape).sort()).toEqual(sorted(DEFAULT_SETTINGS))
  expect(settingsChange.safeParse({ ...DEFAULT_SETTINGS, ...TELEGRAM_LIMITS }).success).toBe(true)
})

test('every effect of a fault, route and action is listed', () => {
  const effects = effect.options.map(({ shape }) => shape.kind.value)
  const actions = action.options.map(({ shape }) => shape.action.value)

  expect(firstCells(section('## Faults'))).toEqual(effects)
  expect(firstCells(section('## Control endpoint')).sort()).toEqual(sorted(controlRoutes))
  for (const name of actions) expect(section('## Control endpoint')).toContain(name)
})

test.each([
  ['node-telegram-bot-api', 'hello\nToo Many Requests: retry after 5\n'],
  ['telegram', "[ 'hello.txt' ]\n"],
  ['@mtcute/node', 'hello\n'],
])('the example with %s runs', async (client, output) => {
  const example = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].find(([, code]) =>
    code?.includes(`from '${client}'`),
  )
  // A file inside the package may import it by its name.
  const folder = await mkdtemp(join(root, 'example-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'example.mjs')
  await writeFile(file, example?.[1] ?? '')

  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=telestore-source', file],
    { timeout: 60_000 },
  )

  expect(stdout).toBe(output)
})

const sorted = (table: object): string[] => Object.keys(table).sort()

/** From a heading to the next one of its level or above. */
function section(heading: string): string {
  const level = heading.split(' ')[0]?.length ?? 0
  const rest = readme.slice(readme.indexOf(`\n${heading}\n`) + heading.length + 2)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  return end === -1 ? rest : rest.slice(0, end)
}

const codeIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(/^\|.*$/gm)]
    .flatMap(([row]) => [...row.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? ''))
    .filter((code) => pattern.test(code))
    .sort()

const firstCells = (text: string): string[] =>
  [...text.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, cell]) => cell ?? '')
