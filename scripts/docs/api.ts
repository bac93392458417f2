import { ERROR_CODES, type ErrorCode, lineOf } from '../../src/errors.ts'
import { REFUSAL_EXAMPLES } from '../../src/http/schemas/openapi/refusal-examples.ts'
import { EVERYWHERE } from '../../src/http/schemas/openapi/refusals.ts'
import {
  type ApiDocument,
  type ApiOperation,
  type ApiResponse,
  type ApiSchema,
  type FoundOperation,
  operationsOf,
} from '../../test/openapi/document.ts'
import { curlOf } from './curl.ts'
import {
  exampleOf,
  fieldsOf,
  objectHeading,
  objectLink,
  type Resolve,
  resolverOf,
  typeOf,
} from './json-schema.ts'
import { anchorOf, fenced, table } from './markdown.ts'

/** The reference in docs/api.md: a list of the calls, then each with examples, errors and objects. */
export function apiReference(document: ApiDocument): string {
  const resolve = resolverOf(document.components.schemas)
  const tags = document.tags.map(({ name }) => name)
  const operations = operationsOf(document).sort(
    (a, b) => tags.indexOf(a.operation.tags?.[0] ?? '') - tags.indexOf(b.operation.tags?.[0] ?? ''),
  )
  const list = operations.map((found) => [
    `[\`${titleOf(found)}\`](#${anchorOf(titleOf(found))})`,
    found.operation.summary ?? '',
  ])
  const chapters = document.tags.map(({ name, description }) => {
    const own = operations.filter(({ operation }) => operation.tags?.[0] === name)
    return [`## ${name}\n\n${description}\n`, ...own.map((found) => sectionOf(found, resolve))]
  })
  return [
    `## All calls\n\n${table(['call', 'what it does'], list)}`,
    ...chapters.flat(),
    errorChapter(),
    headerChapter(document),
    objectChapter(document, resolve),
  ].join('\n')
}

function titleOf({ method, path, operation }: FoundOperation): string {
  return `${operation.responses[101] ? 'WS' : method.toUpperCase()} ${path}`
}

function sectionOf(found: FoundOperation, resolve: Resolve): string {
  const { operation } = found
  const { summary = '', description } = operation
  const answers = Object.entries(operation.responses).filter(([, answer]) => !isRefusal(answer))
  return [
    `### \`${titleOf(found)}\`\n\n${summary}.\n`,
    ...(description ? [`${description}\n`] : []),
    ...fieldTables(operation, resolve),
    ...curlOf(found, resolve).map((command) => fenced('bash', command)),
    ...answers.map(([status, answer]) => answerOf(status, answer, resolve)),
    ...messageTable(operation),
    ...refusalsOf(operation),
  ].join('\n')
}

const REFUSED = 'Refused: '

function isRefusal({ description }: ApiResponse): boolean {
  return description.startsWith(REFUSED)
}

const FIELD_HEAD = ['name', 'where', 'type', 'meaning']

function fieldTables({ parameters = [], requestBody }: ApiOperation, resolve: Resolve): string[] {
  const [type = '', media] = Object.entries(requestBody?.content ?? {})[0] ?? []
  const fields = media ? fieldsOf(media.schema, resolve) : []
  const where = type === 'application/json' ? 'JSON' : 'form'
  const rows = [
    ...parameters.map(({ name, in: place, required, description = '', schema }) => [
      `\`${name}\`${required ? '' : ', optional'}`,
      place,
      typeOf(schema),
      description,
    ]),
    ...fields.map(({ name, schema, isRequired }) => [
      `\`${name}\`${isRequired ? '' : ', optional'}`,
      where,
      typeOf(schema),
      schema.description ?? '',
    ]),
  ]
  return rows.length > 0 ? [table(FIELD_HEAD, rows)] : []
}

function answerOf(status: string, answer: ApiResponse, resolve: Resolve): string {
  const names = Object.keys(answer.headers ?? {}).filter((name) => name !== 'Server-Timing')
  const headers = names.length > 0 ? ` Headers: ${codeList(names)}.` : ''
  const [says = ''] = answer.description.split(` ${REFUSED}`)
  const bodies = Object.entries(answer.content ?? {}).flatMap(([type, { schema }]) => {
    const example = exampleOf(schema, resolve)
    if (type !== 'application/json') {
      const isShown = type.startsWith('text/') && type !== 'text/html'
      return isShown ? [fenced('text', String(example).trim())] : []
    }
    return [fenced('json', JSON.stringify(example, null, 2)), objectOf(schema, resolve)]
  })
  return [`Answer **${status}**: ${says}${headers}\n`, ...bodies].join('\n')
}

function objectOf(schema: ApiSchema, resolve: Resolve): string {
  if (typeof schema.$ref === 'string') return `Fields: ${objectLink(schema.$ref)}.\n`
  const rows = fieldsOf(schema, resolve).map(({ name, schema: field, isRequired }) => [
    `\`${name}\`${isRequired ? '' : ', optional'}`,
    typeOf(field),
    field.description ?? '',
  ])
  return table(['field', 'type', 'meaning'], rows)
}

function messageTable({ 'x-messages': messages }: ApiOperation): string[] {
  if (!messages) return []
  const links = (refs: { $ref: string }[]): string =>
    refs.map((each) => objectLink(each.$ref)).join(', ')
  return [
    `Messages of the worker: ${links(messages.worker)}. Of the client: ${links(messages.client)}.\n`,
  ]
}

/** The codes that this call has beside those of every call. */
function refusalsOf({ responses }: ApiOperation): string[] {
  const everywhere: readonly string[] = EVERYWHERE
  const descriptions = Object.values(responses).map(({ description }) => description)
  const codes = descriptions
    .flatMap((text) => text.split(REFUSED)[1]?.match(/[A-Z_]+/g) ?? [])
    .filter((code) => !everywhere.includes(code))
  return codes.length > 0 ? [`[Errors](#errors): ${codeList(codes)}.\n`] : []
}

function errorChapter(): string {
  const rows = ERROR_CODES.map((code) => {
    const { status, retryable } = lineOf(code)
    const { error, ...details } = wordsOf(code)
    const fields = Object.keys(details)
    return [`\`${code}\``, String(status), retryable ? 'yes' : 'no', error, codeList(fields)]
  })
  const head = ['code', 'status', 'try again', 'sentence, for example', 'more fields']
  return `## Errors

Every error is JSON with \`error\`, a sentence for a person that may change, and \`code\`, a name for a
program that never changes. \`try again\` says whether the same request can succeed later;
\`Retry-After\` then says after how many seconds. A job that fails has its sentence in \`reason\` of its
[progress](#${anchorOf(objectHeading('Progress'))}). Every call can be refused with these codes:
${codeList(EVERYWHERE)}.

\`\`\`json
${JSON.stringify({ ...wordsOf('CHUNKS_MISSING'), code: 'CHUNKS_MISSING' }, null, 2)}
\`\`\`

${table(head, rows)}`
}

function wordsOf(code: ErrorCode): { error: string } {
  const words = REFUSAL_EXAMPLES[code]
  return typeof words === 'string' ? { error: words } : words
}

function headerChapter({ components }: ApiDocument): string {
  const rows = Object.entries(components.headers).map(([name, { description, example }]) => [
    `\`${name}\``,
    description,
    `\`${example}\``,
  ])
  return `## Headers of answers\n\n${table(['header', 'meaning', 'example'], rows)}`
}

function objectChapter({ components }: ApiDocument, resolve: Resolve): string {
  const objects = Object.entries(components.schemas).map(([name, schema]) =>
    [`### ${objectHeading(name)}\n\n${schema.description}\n`, objectOf(schema, resolve)].join('\n'),
  )
  return ['## Objects\n', ...objects].join('\n')
}

function codeList(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ')
}
