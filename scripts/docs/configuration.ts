import { z } from 'zod'
import { Environment, GROUPS } from '../../src/config/environment.ts'
import { table, wrap } from './markdown.ts'

/** What JSON Schema and `meta` say about a variable. */
interface Variable {
  description: string
  details?: string
  otherwise?: string
  default?: string | number
  values?: string
  enum?: string[]
  format?: string
  type?: string
  minimum?: number
  maximum?: number
}

/** The tables of docs/configuration.md. */
export function configurationTables(): string {
  const head = ['variable', 'default', 'values', 'meaning']
  const groups = Object.entries(groupsOfVariables()).map(([title, variables]) => {
    const rows = Object.entries(variables).map(([name, variable]) => [
      `\`${name}\``,
      variable.default ? `\`${variable.default}\`` : (variable.otherwise ?? ''),
      valuesOf(variable),
      [variable.description, variable.details].filter((each) => each !== undefined).join(' '),
    ])
    return `### ${title}\n\n${table(head, rows)}`
  })
  return groups.join('\n')
}

/** The whole of .env.example. */
export function envExample(): string {
  const groups = Object.entries(groupsOfVariables()).map(([title, variables]) => {
    const lines = Object.entries(variables).flatMap(([name, variable]) => {
      const { description, otherwise } = variable
      const comment = otherwise ? `${description} Default: ${otherwise}.` : description
      return [
        ...wrap(plain(comment), 98).map((line) => `# ${line}`),
        `${name}=${variable.default ?? ''}`,
      ]
    })
    return `# -- ${title} ${'-'.repeat(94 - title.length)}\n\n${lines.join('\n')}\n`
  })
  return `${HEAD}\n${groups.join('\n')}`
}

const HEAD = `# Every variable of the worker, with its default. This file is made by \`npm run docs\` of
# src/config/environment.ts; docs/configuration.md says more. Copy it to .env: \`npm start\` reads it,
# and \`npm run doctor\` says what is wrong with it.
# An empty variable counts as not set. With nothing set the worker starts in embedded mode: it brings
# a Telegram of its own on loopback, and every token that begins with "demo" is a user.
# Sizes are bytes, or a number with KB, MB or GB (1024 each).
`

function groupsOfVariables(): Record<string, Record<string, Variable>> {
  const { properties = {} } = z.toJSONSchema(Environment, { io: 'input' })
  return Object.fromEntries(
    Object.entries(GROUPS).map(([title, variables]) => [
      title,
      Object.fromEntries(
        Object.keys(variables).map((name) => [name, properties[name] as Variable & object]),
      ),
    ]),
  )
}

function valuesOf({ values, enum: words, format, type, minimum = 0, maximum }: Variable): string {
  if (words) return words.map((word) => `\`${word}\``).join(', ')
  if (type === 'integer') {
    const isBounded = maximum !== undefined && maximum < 2 ** 31 - 1
    const range = isBounded ? `${minimum} to ${maximum}` : `${minimum} or more`
    return values ? `${values}, ${range}` : range
  }
  if (values === 'list') return 'list, separated by commas'
  return values ?? (format === 'uri' ? 'address' : 'text')
}

/** Without Markdown's signs. */
function plain(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
}
